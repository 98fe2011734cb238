//! Settings from the environment: `OFFERSTREAM_KAFKA__BROKERS` is `kafka.brokers`.
//!
//! Invariant: a variable that looks like a setting and is none ends the program with one line, in place of being passed
//! over. What others set under the same prefix (tests; Kubernetes, for a service called offerstream) is let alone.

use std::collections::HashMap;

use anyhow::{Result, bail};

/// The prefix of environment variables that are settings.
pub const PREFIX: &str = "OFFERSTREAM";
/// Settings of the top level, which have no `__` in their variable's name.
const TOP_LEVEL: [&str; 4] = ["CURRENCY", "TIME_ZONE", "LOCALE", "CHANNELS"];
/// Sections of the configuration; a test compares them with the commented example.
const SECTIONS: [&str; 18] = [
    "KAFKA",
    "FORMATS",
    "HTTP",
    "STATE",
    "PRIVACY",
    "MONEY",
    "RANKING",
    "PLACEMENTS",
    "RULES",
    "DISCOUNTS",
    "STAMP_CARDS",
    "SEGMENTS",
    "ATTRIBUTION",
    "EXPERIMENT",
    "OPTIMISER",
    "SESSION",
    "LIMITS",
    "TEXTS",
];
/// Variables of the program that are no settings.
const OTHERS: [&str; 1] = ["LOG"];

/// The variables that are settings.
///
/// # Errors
/// One looks like a setting and is none; the line says which was meant. Its value is not shown.
pub fn settings_of(environment: impl Iterator<Item = (String, String)>) -> Result<HashMap<String, String>> {
    let mut settings = HashMap::new();
    for (name, value) in environment {
        let Some(rest) = name.strip_prefix(PREFIX).and_then(|rest| rest.strip_prefix('_')) else { continue };
        if rest.contains("__") || TOP_LEVEL.contains(&rest) {
            settings.insert(name, value);
        } else if let Some(meant) = meant(rest) {
            bail!("the environment variable {name} is no setting: {PREFIX}_{meant} is meant?");
        } else if !OTHERS.contains(&rest) && !is_of_others(rest) {
            tracing::warn!("the environment variable {name} is no setting, and is passed over");
        }
    }
    Ok(settings)
}

/// The setting that a name without `__` is likely to stand for.
fn meant(rest: &str) -> Option<String> {
    if OTHERS.contains(&rest) || is_of_others(rest) {
        return None;
    }
    let section = SECTIONS.iter().find_map(|section| Some((section, rest.strip_prefix(section)?.strip_prefix('_')?)));
    if let Some((section, setting)) = section {
        return Some(format!("{section}__{setting}"));
    }
    TOP_LEVEL.iter().find(|name| is_near(name, rest)).map(|name| (*name).to_owned())
}

/// What tests set, and what Kubernetes sets for services (`OFFERSTREAM_SERVICE_HOST`, `OFFERSTREAM_HTTP_PORT_9464_TCP`).
fn is_of_others(rest: &str) -> bool {
    rest.starts_with("TEST_") || rest.contains("SERVICE_HOST") || rest.contains("SERVICE_PORT") || format!("_{rest}").contains("_PORT")
}

/// Whether one name is the other with at most two letters changed, added or left out.
fn is_near(one: &str, other: &str) -> bool {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, a) in one.bytes().enumerate() {
        let mut before = std::mem::replace(&mut row[0], at + 1);
        for (column, b) in other.bytes().enumerate() {
            let changed = before + usize::from(a != b);
            before = row[column + 1];
            row[column + 1] = changed.min(before + 1).min(row[column] + 1);
        }
    }
    row.last().is_some_and(|distance| *distance <= 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(names: &[&str]) -> Result<Vec<String>, String> {
        let mut read: Vec<String> = settings_of(names.iter().map(|name| ((*name).to_owned(), "hunter2".to_owned())))
            .map(|settings| settings.into_keys().collect())
            .map_err(|error| error.to_string())?;
        read.sort();
        Ok(read)
    }

    #[test]
    fn a_variable_that_looks_like_a_setting_and_is_none_is_an_error_that_names_the_setting_meant() {
        let error = |name: &str| read(&[name]).unwrap_err();
        assert_eq!(
            error("OFFERSTREAM_KAFKA_BROKERS"),
            "the environment variable OFFERSTREAM_KAFKA_BROKERS is no setting: OFFERSTREAM_KAFKA__BROKERS is meant?"
        );
        assert!(error("OFFERSTREAM_CURENCY").ends_with("OFFERSTREAM_CURRENCY is meant?"));
        assert!(error("OFFERSTREAM_TIMEZONE").ends_with("OFFERSTREAM_TIME_ZONE is meant?"));
        assert!(error("OFFERSTREAM_HTTP_TOKEN").ends_with("OFFERSTREAM_HTTP__TOKEN is meant?"));
        assert!(!error("OFFERSTREAM_HTTP_TOKEN").contains("hunter2"));
    }

    #[test]
    fn what_others_set_under_the_prefix_is_let_alone() {
        let others = [
            "OFFERSTREAM_LOG",
            "OFFERSTREAM_TEST_BROKERS",
            "OFFERSTREAM_SERVICE_HOST",
            "OFFERSTREAM_HTTP_SERVICE_HOST",
            "OFFERSTREAM_HTTP_PORT_9464_TCP_ADDR",
            "OFFERSTREAM_PORT",
            "OFFERSTREAM_REQUIRE_BROKER",
            "OFFERSTREAMS_CURRENCY",
            "PATH",
        ];
        assert_eq!(read(&others).unwrap(), Vec::<String>::new());
        assert_eq!(
            read(&["OFFERSTREAM_LOCALE", "OFFERSTREAM_KAFKA__BROKERS"]).unwrap(),
            ["OFFERSTREAM_KAFKA__BROKERS", "OFFERSTREAM_LOCALE"]
        );
    }

    #[test]
    fn every_section_of_the_commented_example_is_known() {
        let example = include_str!("../../offerstream.toml");
        let sections = example.lines().filter_map(|line| {
            let name = line.trim_start_matches("#:").trim_start_matches('#').trim().strip_prefix('[')?;
            Some(name.trim_start_matches('[').split([']', '.']).next()?.to_uppercase())
        });
        for section in sections {
            assert!(SECTIONS.contains(&section.as_str()), "{section} is not among SECTIONS");
        }
    }
}
