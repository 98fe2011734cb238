//! Configuration: a TOML file, then the environment, then flags; checked before any port opens.
//!
//! Invariant: a value that can't be used ends the program with one line that names the setting, the value and
//! what is allowed. Settings that would break a guarantee are refused.

mod client;
mod environment;
mod formats;
mod http;
mod kafka;
mod line;
mod list;
mod privacy;
mod secret;
mod state;

pub use formats::{FormatsConfig, ORIGIN_TOPIC};
pub use http::HttpConfig;
pub use kafka::{Delivery, KafkaConfig};
pub use privacy::PrivacyConfig;
pub use secret::{Secret, is_secret};
pub use state::StateConfig;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use compact_str::CompactString;
use config::{Environment, File, FileFormat};
use serde::Deserialize;

use environment::{PREFIX, settings_of};
use line::line_of;
use list::list;
use secret::without_secrets;

use crate::engine::settings::{
    Attribution, BadSetting, Discounts, Experiment, Limits, MoneySettings, OptimiserSettings, Placements, Ranking, Rules, Segments,
    SessionSettings, Settings, StampCard, Zone,
};
use crate::engine::texts::Texts;
use crate::event::{Currency, Headers, Reading};
use crate::offer_token::TokenKey;

/// Everything the program can be told.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Brokers, topics, guarantees.
    pub kafka: KafkaConfig,
    /// The formats that events come in.
    pub formats: FormatsConfig,
    /// Where it listens.
    pub http: HttpConfig,
    /// Snapshots of the shop.
    pub state: StateConfig,
    /// What is kept to the shop.
    pub privacy: PrivacyConfig,
    /// What the engine can be told.
    pub engine: Settings,
}

/// The file as it stands.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Raw {
    kafka: KafkaConfig,
    formats: FormatsConfig,
    http: HttpConfig,
    state: StateConfig,
    privacy: PrivacyConfig,
    currency: Currency,
    time_zone: Zone,
    locale: CompactString,
    #[serde(deserialize_with = "list")]
    channels: Vec<CompactString>,
    money: MoneySettings,
    ranking: Ranking,
    placements: Placements,
    rules: Rules,
    discounts: Discounts,
    stamp_cards: Vec<StampCard>,
    segments: Segments,
    attribution: Attribution,
    experiment: Experiment,
    optimiser: OptimiserSettings,
    session: SessionSettings,
    limits: Limits,
    /// Files with more texts, by locale.
    texts: BTreeMap<String, PathBuf>,
}

impl Raw {
    /// The text, if there is one, then the environment; an error is one line.
    fn read(text: Option<&str>, environment: impl Iterator<Item = (String, String)>) -> Result<Self> {
        let mut builder = config::Config::builder();
        if let Some(text) = text {
            builder = builder.add_source(File::from_str(text, FileFormat::Toml));
        }
        let variables = settings_of(environment)?;
        let source = Environment::with_prefix(PREFIX).prefix_separator("_").separator("__").source(Some(variables));
        let built = builder.add_source(source).build().and_then(config::Config::try_deserialize);
        built.map_err(|error| anyhow!("{}", one_line(&without_secrets(&error.to_string()))))
    }
}

impl Default for Raw {
    fn default() -> Self {
        let Settings {
            currency,
            time_zone,
            locale,
            channels,
            money,
            ranking,
            placements,
            rules,
            discounts,
            stamp_cards,
            segments,
            attribution,
            experiment,
            optimiser,
            session,
            limits,
            evidence_baskets_min: _,
            texts: _,
        } = Settings::default();
        Self {
            kafka: KafkaConfig::default(),
            formats: FormatsConfig::default(),
            http: HttpConfig::default(),
            state: StateConfig::default(),
            privacy: PrivacyConfig::default(),
            currency,
            time_zone,
            locale,
            channels,
            money,
            ranking,
            placements,
            rules,
            discounts,
            stamp_cards,
            segments,
            attribution,
            experiment,
            optimiser,
            session,
            limits,
            texts: BTreeMap::new(),
        }
    }
}

impl Config {
    /// Reads the file, if there is one, then the environment, and checks every value.
    ///
    /// # Errors
    /// One line that names the setting, the value and what is allowed.
    pub fn load(file: Option<&Path>, environment: impl Iterator<Item = (String, String)>) -> Result<Self> {
        let read = |path: &Path| std::fs::read_to_string(path).with_context(|| format!("configuration {} can't be read", path.display()));
        let text = file.map(read).transpose()?;
        let mut raw = Raw::read(text.as_deref(), environment).map_err(|error| anyhow!("configuration{}: {error}", named(file)))?;
        let texts = read_texts(&std::mem::take(&mut raw.texts), file, &raw.locale)?;
        let mut config = Self::from(raw);
        let folder = file.and_then(Path::parent);
        config
            .kafka
            .gather_client(folder)
            .and_then(|()| config.http.read_secrets(folder))
            .with_context(|| format!("configuration{}", named(file)))?;
        if let Some(kilobytes) = config.engine.limits.read_ahead_kb() {
            config.kafka.read_ahead_at_most(kilobytes);
        }
        config.engine.texts = Arc::new(texts);
        let text = text.unwrap_or_default();
        config.privacy.read_key(file, &text).map_err(|error| anyhow!("configuration{}: {error:#}", named(file)))?;
        let line = |bad: &BadSetting| line_of(&text, &bad.name);
        config.check().map_err(|bad| anyhow!("configuration{}{}: {bad}", named(file), line(&bad)))?;
        Ok(config)
    }

    /// Reads a text alone and checks every value; no other file is opened, whatever the text names.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn from_text(text: &str) -> Result<Self> {
        let config = Self::from(Raw::read(Some(text), std::iter::empty()).map_err(|error| anyhow!("configuration: {error}"))?);
        config.check().map_err(|bad| anyhow!("configuration{}: {bad}", line_of(text, &bad.name)))?;
        Ok(config)
    }

    /// How records of a topic are read.
    #[must_use]
    pub fn reading_of(&self, topic: &str, headers: Option<&dyn Headers>) -> Reading {
        self.formats.reading_of(&self.kafka, topic, headers)
    }

    /// The key of offers' tokens: the one that is set, else one made of the secret token. Without either, whoever reaches the
    /// port may do everything, and tokens only tell offers of one shop from those of another.
    #[must_use]
    pub fn token_key(&self) -> TokenKey {
        let HttpConfig { offer_key, token, .. } = &self.http;
        if !offer_key.is_empty() {
            TokenKey::derived(&["offer_key", offer_key.expose()])
        } else if !token.is_empty() {
            TokenKey::derived(&["token", token.expose()])
        } else {
            TokenKey::derived(&["open", &self.kafka.group_id, &self.engine.experiment.salt])
        }
    }

    fn check(&self) -> Result<(), BadSetting> {
        self.kafka.check()?;
        self.formats.check(&self.kafka)?;
        self.http.check()?;
        self.state.check()?;
        self.engine.check()
    }
}

impl From<Raw> for Config {
    fn from(raw: Raw) -> Self {
        let engine = Settings {
            currency: raw.currency,
            time_zone: raw.time_zone,
            locale: raw.locale,
            channels: raw.channels,
            money: raw.money,
            ranking: raw.ranking,
            placements: raw.placements,
            rules: raw.rules,
            discounts: raw.discounts,
            stamp_cards: raw.stamp_cards,
            segments: raw.segments,
            attribution: raw.attribution,
            experiment: raw.experiment,
            optimiser: raw.optimiser,
            session: raw.session,
            limits: raw.limits,
            evidence_baskets_min: raw.privacy.evidence_baskets_min,
            texts: Arc::default(),
        };
        Self { kafka: raw.kafka, formats: raw.formats, http: raw.http, state: raw.state, privacy: raw.privacy, engine }
    }
}

/// The built-in texts with those of the files, which lie beside the configuration unless their paths say otherwise.
fn read_texts(files: &BTreeMap<String, PathBuf>, config: Option<&Path>, locale: &str) -> Result<Texts> {
    let mut texts = Texts::built_in();
    for (locale, path) in files {
        let path = config.and_then(Path::parent).map_or_else(|| path.clone(), |folder| folder.join(path));
        let name = path.display().to_string();
        let source = std::fs::read_to_string(&path).with_context(|| format!("texts.{locale}: {name} can't be read"))?;
        texts.add(locale, &name, &source).with_context(|| format!("texts.{locale}"))?;
    }
    Ok(texts.with_default(locale))
}

fn named(file: Option<&Path>) -> String {
    file.map_or_else(String::new, |path| format!(" {}", path.display()))
}

/// The first line of a TOML error, and the line it points at.
fn one_line(message: &str) -> String {
    message.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
