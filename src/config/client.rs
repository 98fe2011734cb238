//! What is passed on to librdkafka: from the file, from files with secrets, from the environment.
//!
//! Invariant: a name has one value, and no error shows one that may be a secret.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Result, bail};

use super::kafka::KafkaConfig;
use super::secret::Secret;

/// Names of librdkafka's that have an underscore themselves.
const WITH_UNDERSCORE: [&str; 1] = ["log_level"];

impl KafkaConfig {
    /// Brings all that is passed on together: names from the environment, where underscores stand for dots
    /// (`OFFERSTREAM_KAFKA__CLIENT__SASL_PASSWORD` is `sasl.password`), and what files hold, which lie beside the
    /// configuration unless their paths say otherwise.
    pub(super) fn gather_client(&mut self, folder: Option<&Path>) -> Result<()> {
        self.client = with_dots(std::mem::take(&mut self.client));
        self.client_files = with_dots(std::mem::take(&mut self.client_files));
        for (name, path) in &self.client_files {
            if self.client.contains_key(name) {
                bail!("kafka.client.{name} and kafka.client_files.{name} are both set: take one of them away");
            }
            let path = folder.map_or_else(|| path.clone(), |folder| folder.join(path));
            self.client.insert(name.clone(), Secret::read(&format!("kafka.client_files.{name}"), &path)?);
        }
        Ok(())
    }
}

/// What comes from the environment overrules what the file has under the name with dots.
fn with_dots<T>(settings: BTreeMap<String, T>) -> BTreeMap<String, T> {
    let is_dotted = |name: &str| !name.contains('_') || WITH_UNDERSCORE.contains(&name);
    let (dotted, other): (BTreeMap<_, _>, BTreeMap<_, _>) = settings.into_iter().partition(|(name, _)| is_dotted(name));
    let mut all = dotted;
    all.extend(other.into_iter().map(|(name, value)| (name.replace('_', "."), value)));
    all
}
