//! What is done to keep customers' ids, and what single customers did, to the shop itself.
//!
//! Invariant: the key is in no error and no log.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::secret::{Secret, read_bytes};
use crate::customer_key::{CustomerKey, KEY_BYTES_MIN};
use crate::engine::settings::Settings;

/// Privacy.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PrivacyConfig {
    /// A file with the key that customers' ids are hashed with; empty: they are kept as they are.
    pub customer_key_file: PathBuf,
    /// The key itself, from the environment alone.
    customer_key: Secret,
    /// Evidence of fewer baskets is not shown.
    pub evidence_baskets_min: u32,
    /// The key, once read.
    #[serde(skip)]
    pub key: Option<CustomerKey>,
}

impl Default for PrivacyConfig {
    fn default() -> Self {
        let evidence_baskets_min = Settings::default().evidence_baskets_min;
        Self { customer_key_file: PathBuf::new(), customer_key: Secret::default(), evidence_baskets_min, key: None }
    }
}

impl PrivacyConfig {
    /// Reads the key, if there is one; its file lies beside the configuration unless its path says otherwise. `text` is the
    /// configuration, in which no key may stand.
    pub(super) fn read_key(&mut self, config: Option<&Path>, text: &str) -> Result<()> {
        if !super::line_of(text, "privacy.customer_key").is_empty() {
            bail!(
                "privacy.customer_key is in the file; a key is kept in a file of its own (privacy.customer_key_file), or in the environment"
            );
        }
        let file = &self.customer_key_file;
        self.key = match (file.as_os_str().is_empty(), self.customer_key.is_empty()) {
            (true, true) => None,
            (false, false) => bail!("privacy.customer_key and privacy.customer_key_file are both set; one of them is needed"),
            (true, false) => Some(key("privacy.customer_key", "it", self.customer_key.expose().as_bytes())?),
            (false, true) => {
                let path = config.and_then(Path::parent).map_or_else(|| file.clone(), |folder| folder.join(file));
                let setting = "privacy.customer_key_file";
                Some(key(setting, &path.display().to_string(), &read_bytes(setting, &path)?)?)
            }
        };
        Ok(())
    }
}

fn key(setting: &str, what: &str, secret: &[u8]) -> Result<CustomerKey> {
    let length = secret.len();
    CustomerKey::new(secret).with_context(|| format!("{setting}: {what} has {length} bytes; {KEY_BYTES_MIN} or more are needed"))
}
