//! A network that a test can do harm to: what goes through is passed on, or waits, or comes late, or is cut off.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// How often a connection that waits looks whether it still has to.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Passes connections on. It ends with the test's process.
pub struct Proxy {
    weather: Arc<Weather>,
}

#[derive(Default)]
struct Weather {
    /// Nothing is passed on, and nobody is told.
    stalled: AtomicBool,
    /// New connections are shut at once.
    refusing: AtomicBool,
    /// Everything comes so much later.
    delay_ms: AtomicU64,
    open: Mutex<Vec<TcpStream>>,
}

impl Proxy {
    /// Listens at `port` and passes on to `to`, both on this machine.
    pub fn start(port: u16, to: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap_or_else(|error| panic!("the proxy's port {port}: {error}"));
        let weather = Arc::new(Weather::default());
        let shared = Arc::clone(&weather);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if shared.refusing.load(Ordering::Relaxed) {
                    continue;
                }
                let Ok(broker) = TcpStream::connect(("127.0.0.1", to)) else { continue };
                let ends = [&client, &broker].map(|end| end.try_clone().unwrap());
                shared.open.lock().unwrap().extend(ends);
                for (from, into) in [(client.try_clone().unwrap(), broker.try_clone().unwrap()), (broker, client)] {
                    let weather = Arc::clone(&shared);
                    thread::spawn(move || pass_on(from, into, &weather));
                }
            }
        });
        Self { weather }
    }

    /// Nothing gets through any more, in either direction, and no connection ends: as a network that is down.
    pub fn stall(&self) {
        self.weather.stalled.store(true, Ordering::Relaxed);
    }

    /// All that waited gets through.
    pub fn go_on(&self) {
        self.weather.stalled.store(false, Ordering::Relaxed);
    }

    /// Everything comes so much later, in both directions.
    pub fn delay(&self, by: Duration) {
        self.weather.delay_ms.store(by.as_millis() as u64, Ordering::Relaxed);
    }

    /// Cuts every connection off; what was under way is lost.
    pub fn reset(&self) {
        for end in self.weather.open.lock().unwrap().drain(..) {
            let _ = end.shutdown(Shutdown::Both);
        }
    }

    /// Whether new connections are shut at once.
    pub fn refuse(&self, refusing: bool) {
        self.weather.refusing.store(refusing, Ordering::Relaxed);
    }
}

fn pass_on(mut from: TcpStream, mut into: TcpStream, weather: &Weather) {
    let mut bytes = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        thread::sleep(Duration::from_millis(weather.delay_ms.load(Ordering::Relaxed)));
        while weather.stalled.load(Ordering::Relaxed) {
            thread::sleep(LOOK_EVERY);
        }
        if into.write_all(&bytes[..count]).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = into.shutdown(Shutdown::Both);
}
