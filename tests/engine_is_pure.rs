//! The rooms of the crate, by what they import: the engine knows of no broker, clock, file, thread or metric,
//! and only `src/kafka` knows of rdkafka.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::path::{Path, PathBuf};

/// What the engine must not name.
const BANNED: [&str; 14] = [
    "rdkafka",
    "tokio",
    "prometheus",
    "axum",
    "std::fs",
    "std::net",
    "std::thread",
    "std::time",
    "std::env",
    "Instant::now",
    "SystemTime",
    "rand::",
    "println!",
    "std::io",
];

/// Other rooms of the crate that the engine must not reach into.
const ROOMS: [&str; 12] =
    ["catalogue", "exact", "kafka", "http", "input", "metrics", "pipeline", "replay", "demo", "clock", "config", "state"];

fn sources(folder: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let (mut found, mut folders) = (Vec::new(), vec![root]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Whether a folder of the crate of that name holds the file, wherever the crate itself lies.
fn is_in(path: &Path, folder: &str) -> bool {
    let inside = path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap();
    inside.parent().unwrap().components().any(|part| part.as_os_str() == folder)
}

/// Files and modules that hold tests and what tests share.
fn is_test_file(path: &Path) -> bool {
    let name = path.file_stem().unwrap().to_string_lossy();
    name == "tests" || name == "test_support" || name.ends_with("_tests") || is_in(path, "tests")
}

/// The lines of code: without comments, without the tests at the end.
fn code(path: &Path) -> Vec<(usize, String)> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = Vec::new();
    let mut file = text.lines().enumerate().peekable();
    while let Some((at, line)) = file.next() {
        // A module of tests closes the file; one in a file of its own is a line of this one.
        let opens_tests = line.trim() == "#[cfg(test)]" && file.peek().is_some_and(|(_, next)| next.trim_end().ends_with('{'));
        if opens_tests {
            break;
        }
        if !line.trim_start().starts_with("//") {
            lines.push((at + 1, line.to_owned()));
        }
    }
    lines
}

/// Every line of code that names `banned`, as `file:line: code`.
fn named(files: &[PathBuf], banned: &str) -> Vec<String> {
    let lines = files.iter().flat_map(|path| code(path).into_iter().map(move |(at, line)| (path, at, line)));
    lines.filter(|(.., line)| line.contains(banned)).map(|(path, at, line)| format!("{}:{at}: {}", path.display(), line.trim())).collect()
}

fn engine() -> Vec<PathBuf> {
    let files: Vec<PathBuf> = sources("src/engine").into_iter().filter(|path| !is_test_file(path)).collect();
    assert!(files.len() > 20, "the engine is somewhere else: {files:?}");
    files
}

#[test]
fn the_engine_names_nothing_that_does_or_knows_anything_outside() {
    for banned in BANNED {
        assert_eq!(named(&engine(), banned), [""; 0], "the engine names {banned}");
    }
}

#[test]
fn the_engine_reaches_into_no_other_room_but_events() {
    for room in ROOMS {
        assert_eq!(named(&engine(), &format!("crate::{room}")), [""; 0], "the engine reaches into {room}");
    }
}

#[test]
fn event_formats_know_nothing_of_the_engine() {
    let files: Vec<PathBuf> = sources("src/event").into_iter().filter(|path| !is_test_file(path)).collect();
    assert_eq!(named(&files, "crate::engine"), [""; 0]);
    for banned in BANNED {
        assert_eq!(named(&files, banned), [""; 0], "an event format names {banned}");
    }
}

#[test]
fn only_the_kafka_room_names_rdkafka() {
    let others: Vec<PathBuf> = sources("src").into_iter().filter(|path| !is_in(path, "kafka")).collect();
    assert!(others.len() > 30, "the crate is somewhere else: {others:?}");
    assert_eq!(named(&others, "rdkafka::"), [""; 0]);
    assert_eq!(named(&others, "use rdkafka"), [""; 0]);
}

#[test]
fn the_exact_loop_knows_time_and_the_outside_by_its_bus_alone() {
    let files: Vec<PathBuf> = sources("src/exact").into_iter().filter(|path| !is_test_file(path)).collect();
    assert!(files.len() > 5, "the loop is somewhere else: {files:?}");
    for banned in ["crate::kafka", "crate::clock", "std::thread", "std::net", "std::fs", "tokio", "Instant::now", "SystemTime"] {
        assert_eq!(named(&files, banned), [""; 0], "the loop names {banned}");
    }
}

#[test]
fn what_is_code_and_what_is_not_is_told_apart() {
    let mut file = tempfile::Builder::new().suffix(".rs").tempfile().unwrap();
    let text =
        "//! tokio\nuse std::fs; // plain\n#[cfg(test)]\nmod test_support;\nlet a = 1;\n#[cfg(test)]\nmod tests {\n    use tokio;\n}\n";
    std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
    let lines: Vec<usize> = code(file.path()).into_iter().map(|(at, _)| at).collect();
    assert_eq!(lines, [2, 3, 4, 5]);
}
