//! Settings of the formats that events come in.
//!
//! Invariant: only topics that events are read from have one, so that a name that is wrong is told.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::KafkaConfig;
use crate::engine::settings::BadSetting;
use crate::event::{Format, Headers, Reading, ShopifyItem};

/// The header of a republished record that names the topic it came from.
pub const ORIGIN_TOPIC: &str = "offerstream-topic";

/// The formats that events come in.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FormatsConfig {
    /// The format of a topic's records; found out by record where a topic has none.
    pub topics: BTreeMap<String, Format>,
    /// What Shopify's items go by.
    pub shopify_item: ShopifyItem,
}

impl FormatsConfig {
    /// How records of a topic are read; one that was republished is of the topic it came from.
    #[must_use]
    pub fn reading_of(&self, kafka: &KafkaConfig, topic: &str, headers: Option<&dyn Headers>) -> Reading {
        let mut reading = Reading { format: Format::Auto, shopify_item: self.shopify_item };
        if self.topics.is_empty() {
            return reading;
        }
        let origin =
            headers.filter(|_| kafka.repartition && topic == kafka.repartition_topic).and_then(|headers| headers.header(ORIGIN_TOPIC));
        let topic = origin.and_then(|origin| std::str::from_utf8(origin).ok()).unwrap_or(topic);
        reading.format = self.topics.get(topic).copied().unwrap_or_default();
        reading
    }

    pub(super) fn check(&self, kafka: &KafkaConfig) -> Result<(), BadSetting> {
        let unknown = self.topics.keys().find(|topic| !kafka.events_topics.contains(topic));
        unknown.map_or(Ok(()), |topic| {
            let allowed = format!("kafka.events_topics has no such topic: it is {}", kafka.events_topics.join(", "));
            Err(BadSetting::new("formats.topics", topic, allowed))
        })
    }
}
