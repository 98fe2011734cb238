//! A session of the changelog: refused, or restored and written back. The bytes come as they are, and as the body of a
//! frame that fits, so that more than the checksum is put to the test.
#![no_main]

use libfuzzer_sys::fuzz_target;
use offerstream::dump;
use offerstream::engine::session::{Session, Sessions};
use offerstream::engine::settings::Settings;
use offerstream::state::{decode_session, encode_session};

fuzz_target!(|bytes: &[u8]| {
    let _ = decode_session(bytes);
    let Ok(session) = decode_session(&framed(encode_session(&Session::default())[0], bytes)) else { return };
    assert_eq!(decode_session(&encode_session(&session)).as_ref(), Ok(&session));
    let settings = Settings::default();
    let mut sessions = Sessions::new(&settings);
    sessions.restore("s:fuzz".into(), session);
    sessions.sweep();
    dump::sessions(0, &sessions, &mut Vec::new()).unwrap();
});

fn framed(version: u8, body: &[u8]) -> Vec<u8> {
    let mut frame = vec![version];
    frame.extend(crc32fast::hash(body).to_le_bytes());
    frame.extend(body);
    frame
}
