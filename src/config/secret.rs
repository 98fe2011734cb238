//! Values that nobody is to read in a log: passwords, keys, tokens.
//!
//! Invariant: a secret is shown by nothing but [`Secret::expose`], and no error message holds one: neither a setting of
//! the client's nor a line of the file that can't be read.

use std::fmt;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use serde::Deserialize;

/// What is written in its place.
const HIDDEN: &str = "<hidden>";
/// A setting whose name holds one of these has a value that is not shown.
const SECRET_WORDS: [&str; 9] = ["password", "passwd", "secret", "token", "salt", "credential", "jaas", "oauthbearer", "key"];
/// A file with a secret holds no more than this, in bytes: a certificate's key with its chain.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// A value that hides itself.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub struct Secret(String);

impl Secret {
    /// The value itself, for the one who needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What a file holds, without the line's end.
    ///
    /// # Errors
    /// `setting` names a file that can't be read, or holds nothing, or far too much.
    pub(super) fn read(setting: &str, path: &Path) -> Result<Self> {
        let shown = path.display();
        // The text itself would be in the error of a conversion that fails.
        let Ok(text) = String::from_utf8(read_bytes(setting, path)?) else { bail!("{setting}: {shown} is not UTF-8 text") };
        if text.is_empty() { Err(anyhow!("{setting}: {shown} is empty")) } else { Ok(Self(text)) }
    }
}

/// What a file with a secret holds, without the end of its last line, which an editor adds.
pub(super) fn read_bytes(setting: &str, path: &Path) -> Result<Vec<u8>> {
    let shown = path.display();
    let unread = || format!("{setting}: {shown} can't be read");
    let size = std::fs::metadata(path).with_context(unread)?.len();
    if size > FILE_BYTES_MAX {
        bail!("{setting}: {shown} has {size} bytes; a secret has {FILE_BYTES_MAX} at most");
    }
    let mut bytes = std::fs::read(path).with_context(unread)?;
    while matches!(bytes.last(), Some(b'\n' | b'\r')) {
        bytes.pop();
    }
    Ok(bytes)
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_empty() { "<none>" } else { HIDDEN })
    }
}

/// Whether a setting of that name has a value that is not shown.
#[must_use]
pub fn is_secret(name: &str) -> bool {
    let name = name.to_lowercase();
    SECRET_WORDS.iter().any(|word| name.contains(word))
}

/// A parser's message without what it quotes, where that may be a secret: TOML's errors show the line they stumble on,
/// and those of a wrong type show the value.
#[must_use]
pub fn without_secrets(message: &str) -> String {
    // "for key `kafka.brokers`" is the parser's own word for a setting.
    if !is_secret(&message.replace(" key", "").replace("\nkey", "")) {
        return message.to_owned();
    }
    // `3 | "sasl.password" = hunter2`, and `invalid type: string "hunter2", expected …`.
    let lines = message.lines().filter(|line| !line.contains('|')).map(|line| match line.split_once("invalid type: ") {
        Some((before, rest)) => {
            let expected = rest.find("expected ").map_or("", |at| &rest[at..]);
            format!("{before}invalid type: {expected}")
        }
        None => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_shown_by_debug() {
        let secret = Secret::from("hunter2");
        assert_eq!((format!("{secret:?}"), secret.expose()), ("<hidden>".to_owned(), "hunter2"));
        assert_eq!(format!("{:?}", Secret::default()), "<none>");
    }

    #[test]
    fn a_message_keeps_what_it_quotes_only_where_no_secret_can_be_in_it() {
        let plain = "TOML parse error at line 1\n1 | currency = USD\n  | ^\nstring values must be quoted";
        assert_eq!(without_secrets(plain), plain);
        let secret = "TOML parse error at line 1\n1 | \"sasl.password\" = hunter2\n  | ^\nstring values must be quoted";
        assert_eq!(without_secrets(secret), "TOML parse error at line 1\nstring values must be quoted");
        let typed = "invalid type: string \"hunter2\", expected a map for key `http.token`";
        assert_eq!(without_secrets(typed), "invalid type: expected a map for key `http.token`");
    }

    #[test]
    fn a_secret_of_a_file_has_no_line_end_and_one_that_cannot_be_read_names_the_setting() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let error = |path: &Path| format!("{:#}", Secret::read("http.token_file", path).unwrap_err());
        assert!(error(&path).starts_with("http.token_file: ") && error(&path).contains("can't be read"), "{}", error(&path));
        std::fs::write(&path, "hunter2\n").unwrap();
        assert_eq!(Secret::read("http.token_file", &path).unwrap().expose(), "hunter2");
        std::fs::write(&path, "\n").unwrap();
        assert!(error(&path).ends_with("is empty"));
        std::fs::write(&path, b"hunter2\xff").unwrap();
        assert!(error(&path).ends_with("is not UTF-8 text"), "{}", error(&path));
    }
}
