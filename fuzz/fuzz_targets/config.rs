//! A configuration: it is used, or refused with one line. No file that it names is opened.
#![no_main]

use libfuzzer_sys::fuzz_target;
use offerstream::config::Config;

fuzz_target!(|text: &str| {
    if let Err(error) = Config::from_text(text) {
        let line = format!("{error:#}");
        assert!(!line.is_empty() && !line.contains('\n'), "{line:?}");
    }
});
