use super::*;
use crate::engine::settings::DurationMs;

/// All topics of the plan just as they should be.
fn as_planned(config: &KafkaConfig, partitions: i32) -> BTreeMap<String, Found> {
    let found = |wanted: &Wanted| {
        let settings = wanted.role.settings().iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Found { partitions: wanted.partitions, replication: 3, leaderless: 0, settings: Some(settings) }
    };
    plan(config, partitions).iter().map(|wanted| (wanted.topic.clone(), found(wanted))).collect()
}

/// What is found once `change` was done to a topic.
fn findings_after(topic: &str, change: impl Fn(&mut Found)) -> Vec<(Severity, String)> {
    let config = KafkaConfig::default();
    let mut found = as_planned(&config, 12);
    change(found.get_mut(topic).unwrap());
    compare(&plan(&config, 12), &found, 3).into_iter().map(|finding| (finding.severity, finding.line)).collect()
}

fn findings_with(topic: &str, setting: &str, value: &str) -> Vec<(Severity, String)> {
    findings_after(topic, |found| {
        found.settings.as_mut().unwrap().insert(setting.to_owned(), value.to_owned());
    })
}

#[test]
fn the_plan_has_every_topic_of_the_contract_and_one_partition_for_the_shop_log() {
    let plan = plan(&KafkaConfig::default(), PARTITIONS_DEFAULT);
    let of = |topic: &str| plan.iter().find(|wanted| wanted.topic == topic).unwrap();
    for topic in ["shop.events", "shop.offers", "shop.offers.withheld", "shop.events.dlq", "offerstream.sessions"] {
        assert_eq!(of(topic).partitions, 12, "{topic}");
    }
    assert_eq!(of("offerstream.shop").partitions, 1);
    assert!(of("offerstream.shop").role.settings().contains(&("retention.ms", "-1")));
    assert!(of("offerstream.sessions").role.settings().contains(&("cleanup.policy", "compact")));
    assert!(of("shop.catalogue").role.settings().contains(&("cleanup.policy", "compact")));
    assert_eq!(plan.len(), 7);
}

#[test]
fn topics_as_planned_have_no_findings() {
    let config = KafkaConfig::default();
    assert_eq!(compare(&plan(&config, 12), &as_planned(&config, 12), 3), []);
}

#[test]
fn a_missing_topic_is_an_error_and_a_missing_catalogue_is_none() {
    let config = KafkaConfig::default();
    let mut found = as_planned(&config, 12);
    found.remove("shop.catalogue");
    found.remove("shop.offers");
    let findings = compare(&plan(&config, 12), &found, 3);
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].severity, Severity::Error);
    assert!(findings[0].line.starts_with("shop.offers is missing"), "{}", findings[0].line);
    assert!(findings[0].line.contains("`offerstream topics create`"), "{}", findings[0].line);
}

#[test]
fn a_topic_that_goes_with_the_events_must_have_as_many_partitions() {
    let findings = findings_after("offerstream.sessions", |found| found.partitions = 6);
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].0, Severity::Error);
    let line = &findings[0].1;
    assert!(line.starts_with("offerstream.sessions has 6 partitions, and the events topics 12"), "{line}");
    assert!(line.contains("--alter --topic offerstream.sessions --partitions 12"), "{line}");

    let line = findings_after("shop.offers", |found| found.partitions = 24).remove(0).1;
    assert!(line.contains("none can be taken away") && line.contains("kafka.offers_topic"), "{line}");
}

#[test]
fn dead_letters_may_have_more_partitions_than_events_but_not_fewer() {
    assert_eq!(findings_after("shop.events.dlq", |found| found.partitions = 24), []);
    assert_eq!(findings_after("shop.events.dlq", |found| found.partitions = 1)[0].0, Severity::Error);
}

#[test]
fn a_shop_log_of_two_partitions_is_an_error() {
    let findings = findings_after("offerstream.shop", |found| found.partitions = 2);
    assert_eq!(findings[0].0, Severity::Error);
    assert!(findings[0].1.starts_with("offerstream.shop has 2 partitions, and exactly 1"), "{}", findings[0].1);
}

#[test]
fn several_events_topics_need_the_same_number_of_partitions() {
    let config = KafkaConfig { events_topics: vec!["a".into(), "b".into()], ..KafkaConfig::default() };
    let mut found = as_planned(&config, 12);
    found.get_mut("b").unwrap().partitions = 6;
    let partitions = events_partitions(&config, &found).unwrap();
    let findings = compare(&plan(&config, partitions), &found, 3);
    assert_eq!(findings.len(), 1);
    assert!(findings[0].line.starts_with("b has 6 partitions, and the first of kafka.events_topics 12"), "{}", findings[0].line);
}

#[test]
fn a_shop_log_that_forgets_is_an_error_by_time_and_by_size() {
    for (setting, value) in [("retention.ms", "604800000"), ("retention.bytes", "1000000"), ("cleanup.policy", "compact")] {
        let findings = findings_with("offerstream.shop", setting, value);
        assert_eq!(findings.len(), 1, "{setting}");
        assert_eq!(findings[0].0, Severity::Error, "{setting}");
        assert!(findings[0].1.contains(&format!("{setting}={value}")), "{}", findings[0].1);
    }
}

#[test]
fn sessions_that_are_deleted_by_age_are_an_error() {
    assert_eq!(findings_with("offerstream.sessions", "cleanup.policy", "delete")[0].0, Severity::Error);
    assert_eq!(findings_with("offerstream.sessions", "cleanup.policy", "compact,delete")[0].0, Severity::Error);
    assert_eq!(findings_with("offerstream.sessions", "max.message.bytes", "1048588")[0].0, Severity::Error);
}

#[test]
fn a_catalogue_that_forgets_is_a_warning_whatever_its_partitions() {
    assert_eq!(findings_with("shop.catalogue", "cleanup.policy", "delete")[0].0, Severity::Warn);
    assert_eq!(findings_after("shop.catalogue", |found| found.partitions = 1), []);
}

#[test]
fn a_late_compaction_is_a_warning_and_an_early_one_is_nothing() {
    assert_eq!(findings_with("offerstream.sessions", "max.compaction.lag.ms", "9223372036854775807")[0].0, Severity::Warn);
    assert_eq!(findings_with("offerstream.sessions", "segment.ms", "3600000"), []);
}

#[test]
fn a_shorter_retention_is_a_warning_and_a_longer_one_is_nothing() {
    let findings = findings_with("shop.events.dlq", "retention.ms", "86400000");
    assert_eq!(findings[0].0, Severity::Warn);
    assert!(findings[0].1.contains("1 d, shorter than 14 d"), "{}", findings[0].1);
    assert!(findings[0].1.contains("--add-config retention.ms=1209600000"), "{}", findings[0].1);
    assert_eq!(findings_with("shop.offers", "retention.ms", "-1"), []);
}

#[test]
fn settings_that_may_not_be_read_are_a_warning() {
    let findings = findings_after("shop.events", |found| found.settings = None);
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].0, Severity::Warn);
    assert!(findings[0].1.contains("DescribeConfigs"), "{}", findings[0].1);
}

#[test]
fn one_replica_is_a_warning_only_where_there_are_more_brokers() {
    assert_eq!(findings_after("offerstream.shop", |found| found.replication = 1)[0].0, Severity::Warn);
    let config = KafkaConfig::default();
    let mut found = as_planned(&config, 12);
    found.values_mut().for_each(|found| found.replication = 1);
    assert_eq!(compare(&plan(&config, 12), &found, 1), []);
}

#[test]
fn partitions_without_a_leader_are_an_error() {
    let findings = findings_after("shop.events", |found| found.leaderless = 2);
    assert_eq!(findings[0], (Severity::Error, "shop.events has 2 partitions without a leader: start the brokers that are down".into()));
}

#[test]
fn a_topic_named_for_two_purposes_is_an_error() {
    let config = KafkaConfig { withheld_topic: "shop.offers".into(), ..KafkaConfig::default() };
    let findings = compare(&plan(&config, 12), &as_planned(&config, 12), 3);
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].severity, Severity::Error);
    assert!(findings[0].line.contains("kafka.withheld_topic"), "{}", findings[0].line);
}

#[test]
fn durations_are_said_as_a_person_says_them() {
    let said = [-1, 604_800_000, 3_600_000, 90_000, 1_500].map(duration);
    assert_eq!(said, ["unlimited", "7 d", "1 h", "90 s", "1500 ms"]);
}

#[test]
fn with_snapshots_the_shop_log_keeps_seven_days_or_ten_intervals_and_without_them_all() {
    let kafka = KafkaConfig::default();
    let retention = |url: &str, minutes: i64| {
        let state = StateConfig { snapshot_url: url.into(), snapshot_interval: DurationMs(minutes * 60_000), snapshots_kept: 3 };
        let plan = with_retention(plan(&kafka, 12), &state);
        let of = |role| plan.iter().find(|wanted| wanted.role == role).unwrap().settings();
        assert_eq!(of(Role::Offers), plan_settings(Role::Offers), "others stay as they are");
        of(Role::Shop).into_iter().find(|(name, _)| *name == "retention.ms").unwrap().1
    };
    assert_eq!(retention("", 10), "-1");
    assert_eq!(retention("file:///x", 10), "604800000");
    assert_eq!(retention("file:///x", 24 * 60), "864000000");
}

fn plan_settings(role: Role) -> Vec<(&'static str, String)> {
    role.settings().iter().map(|(name, value)| (*name, (*value).to_owned())).collect()
}

#[test]
fn a_shop_log_that_keeps_too_little_for_its_snapshots_is_a_warning_and_one_that_keeps_more_is_none() {
    let kafka = KafkaConfig::default();
    let state = StateConfig { snapshot_url: "file:///x".into(), ..StateConfig::default() };
    let findings = |name: &str, value: &str| {
        let mut found = as_planned(&kafka, 12);
        found.get_mut("offerstream.shop").unwrap().settings.as_mut().unwrap().insert(name.into(), value.into());
        let findings = compare(&with_retention(plan(&kafka, 12), &state), &found, 3);
        findings.into_iter().map(|finding| (finding.severity, finding.line)).collect::<Vec<_>>()
    };
    assert_eq!(findings("retention.ms", "-1"), []);
    assert_eq!(findings("retention.ms", "864000000"), []);
    let short = findings("retention.ms", "86400000");
    assert_eq!(short.len(), 1, "{short:?}");
    assert_eq!(short[0].0, Severity::Warn);
    assert!(short[0].1.starts_with("offerstream.shop has retention.ms=86400000, 1 d, shorter than 7 d"), "{}", short[0].1);
    assert_eq!(findings("retention.bytes", "1000")[0].0, Severity::Warn);
}

#[test]
fn with_repartition_the_shops_own_topics_may_have_any_number_of_partitions_and_ours_has_that_of_the_state() {
    let config = KafkaConfig { repartition: true, ..KafkaConfig::default() };
    let plan = plan(&config, 12);
    let mut found = as_planned(&config, 12);
    found.get_mut("shop.events").unwrap().partitions = 5;
    assert_eq!(compare(&plan, &found, 3), []);
    assert_eq!((events_partitions(&config, &found), partitions_unless_told(&config, &found)), (Some(12), 12));
    found.remove("offerstream.events");
    assert_eq!((events_partitions(&config, &found), partitions_unless_told(&config, &found)), (None, 5));
    let missing = compare(&plan, &found, 3);
    assert!(missing.len() == 1 && missing[0].line.contains("grant Read and Write on topic offerstream.events"), "{missing:?}");
    found = as_planned(&config, 12);
    found.get_mut("offerstream.events").unwrap().settings.as_mut().unwrap().insert("retention.ms".into(), "604800000".into());
    let aged = compare(&plan, &found, 3);
    assert!(aged.len() == 1 && aged[0].severity == Severity::Error && aged[0].line.contains("retention.ms=604800000"), "{aged:?}");
}
