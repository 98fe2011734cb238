use std::io::Write as _;

use super::*;
use crate::engine::vocabulary::Placement;

fn load(toml: &str, environment: &[(&str, &str)]) -> Result<Config> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(toml.as_bytes()).unwrap();
    Config::load(Some(file.path()), environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

fn error(toml: &str) -> String {
    let message = format!("{:#}", load(toml, &[]).unwrap_err());
    assert!(!message.contains('\n'), "{message}");
    // Without the file's name, which changes.
    message.split_once(": ").unwrap().1.to_owned()
}

#[test]
fn the_environment_overrules_the_file() {
    let config = load(
        "currency = \"UZS\"\n[kafka]\nbrokers = \"a:1\"\ncommit_interval_ms = 50",
        &[
            ("OFFERSTREAM_KAFKA__BROKERS", "b:2"),
            ("OFFERSTREAM_KAFKA__INSTANCE_ID", "007"),
            ("OFFERSTREAM_KAFKA__EVENTS_TOPICS", "one, two"),
            ("OFFERSTREAM_EXPERIMENT__HOLDOUT_RATIO", "0.1"),
            ("OFFERSTREAM_TIME_ZONE", "Asia/Tashkent"),
            ("OFFERSTREAM_TEST_BROKERS", "not a setting"),
        ],
    )
    .unwrap();
    assert_eq!((config.kafka.brokers.as_str(), config.kafka.commit_interval_ms), ("b:2", 50));
    assert_eq!((config.kafka.instance_id.as_str(), config.engine.experiment.holdout_ratio), ("007", 0.1));
    assert_eq!(config.kafka.events_topics, ["one", "two"]);
    assert_eq!(config.engine.currency.as_str(), "UZS");
    assert_eq!(config.engine.time_zone.0.iana_name(), Some("Asia/Tashkent"));
}

#[test]
fn a_bad_value_is_one_line_with_setting_value_and_what_is_allowed() {
    insta::assert_snapshot!(error("[kafka]\ncommit_interval_ms = 1"), @"kafka.commit_interval_ms is 1; 5 to 60000 is allowed");
    insta::assert_snapshot!(error("[kafka]\ncommit_interval_ms = \"soon\""), @r#"invalid type: string "soon", expected an integer for key `kafka.commit_interval_ms`"#);
    insta::assert_snapshot!(error("[kafka]\ndelivery = \"at_most_once\""), @r#""at_most_once" is not allowed (exactly_once and at_least_once are) for key `kafka.delivery`"#);
    insta::assert_snapshot!(error("[kafka]\nbroker = \"a:1\""), @"unknown field `broker`, expected one of `brokers`, `events_topics`, `catalogue_topic`, `offers_topic`, `withheld_topic`, `dlq_topic`, `sessions_topic`, `shop_topic`, `group_id`, `instance_id`, `delivery`, `commit_interval_ms`, `commit_records_max`, `message_timeout_ms`, `transaction_timeout_ms`, `session_timeout_ms`, `repartition`, `repartition_topic`, `client`, `client_files` for key `kafka`");
    insta::assert_snapshot!(error("[kafka.client]\n\"isolation.level\" = \"read_uncommitted\""), @"kafka.client.isolation.level is read_uncommitted; it is not allowed, since exactly-once rests on it");
    insta::assert_snapshot!(error("[kafka.client]\n\"group.id\" = \"x\""), @"kafka.client.group.id is x; set kafka.group_id instead");
    insta::assert_snapshot!(error("[kafka]\nsession_timeout_ms = 9000"), @"kafka.session_timeout_ms is 9000; 15001 to 1800000 is allowed");
    insta::assert_snapshot!(error("[kafka]\noffers_topic = \"shop offers\""), @r#"kafka.…_topic is "shop offers"; a topic's name is 1 to 249 letters, digits, dots, dashes or underscores"#);
    insta::assert_snapshot!(error("[kafka]\ncatalogue_topic = \"shop.events\""), @"kafka.…_topic is shop.events; each topic has one purpose, and this one is named for two");
    insta::assert_snapshot!(error("time_zone = \"Tashkent\""), @r#""Tashkent" is not an IANA time zone such as Asia/Tashkent for key `time_zone`"#);
    insta::assert_snapshot!(error("currency = \"DOLLAR\""), @r#""DOLLAR" is not an ISO 4217 currency code for key `currency`"#);
    insta::assert_snapshot!(error("[attribution]\nwindow = \"a day\""), @r#""a day" is not a length of time such as 500ms, 30s, 5m, 24h or 90d for key `attribution.window`"#);
    insta::assert_snapshot!(error("[placements.cart]\nitems_max = 5"), @"placements.cart.items_max is 5; 1, 2 or 3 is allowed");
    insta::assert_snapshot!(error("[http]\nlisten = \"everywhere\""), @"invalid socket address syntax for key `http.listen`");
    insta::assert_snapshot!(error("not toml"), @"TOML parse error at line 1, column 5 | 1 | not toml |     ^ key with no value, expected `=`");
}

#[test]
fn a_place_for_snapshots_that_is_none_is_refused_without_telling_what_may_be_a_secret() {
    let places = "file:///folder, s3://bucket/prefix or the path of a folder is allowed";
    assert_eq!(error("[state]\nsnapshot_url = \"gs://bucket\""), format!("state.snapshot_url is gs:…; {places}"));
    assert_eq!(error("[state]\nsnapshot_url = \" \""), format!("state.snapshot_url is  …; {places}"));
    let secret = error("[state]\nsnapshot_url = \"s3://key:secret@bucket\"");
    assert!(secret.starts_with("state.snapshot_url is s3:…; credentials do not belong there") && !secret.contains("secret@"), "{secret}");
    assert_eq!(error("[state]\nsnapshot_interval = \"10ms\""), "state.snapshot_interval is 10ms; 1s or more is allowed");
    assert_eq!(error("[state]\nsnapshots_kept = 0"), "state.snapshots_kept is 0; 1 or more is allowed");
    let config = load("[state]\nsnapshot_url = \"/var/lib/offerstream\"", &[]).unwrap();
    assert_eq!(config.state.shop_log_retention_ms(), Some(7 * 86_400_000));
    assert_eq!(Config::default().state.shop_log_retention_ms(), None);
}

#[test]
fn variants_of_a_placement_are_read_and_a_bad_one_is_named_with_its_place() {
    let two = "[[placements.cart.variants]]\nname = \"first\"\nkinds = [\"upsell\"]\n[[placements.cart.variants]]\nname = \"second\"\n";
    let config = load(&format!("{two}items_max = 1\npopularity_exponent = 0.3"), &[]).unwrap();
    let cart = config.engine.placements.get(Placement::Cart);
    assert_eq!(cart.variant_names(), ["default", "first", "second"]);
    assert_eq!((cart.variants[0].items_max, cart.variants[1].items_max, cart.items_max), (None, Some(1), 3));
    insta::assert_snapshot!(error(&format!("{two}items_max = 4")), @"placements.cart.variants[1].items_max is 4; 1, 2 or 3 is allowed");
    insta::assert_snapshot!(error(two), @"placements.cart.variants[1].name is second; it is the same as the plain policy: give it what it changes, or take it out");
    insta::assert_snapshot!(error(&format!("{two}kinds = [\"surprise\"]")), @r#""surprise" is not allowed (cross_sell, upsell, add_on and bundle are) for key `placements.cart.variants[1]kinds`"#);
    insta::assert_snapshot!(error(&format!("{two}session_max = 4")), @"unknown field `session_max`, expected one of `name`, `kinds`, `items_max`, `bundle_ratio`, `prior_baskets`, `popularity_prior`, `popularity_exponent`, `cart_order`, `position_decay`, `personal`, `history_weight`, `history_prior_baskets` for key `placements.cart.variants[1]`");
    insta::assert_snapshot!(error("[optimiser]\ndismissed_ratio_max = 0.305"), @"optimiser.dismissed_ratio_max is 0.305; 0.01 to 1 is allowed, in steps of 0.01; 1 holds nothing back");
}

#[test]
fn librdkafka_settings_are_passed_on() {
    let config = load("[kafka.client]\n\"security.protocol\" = \"ssl\"\n\"queued.min.messages\" = 10", &[]).unwrap();
    assert_eq!(config.kafka.client["security.protocol"].expose(), "ssl");
    assert_eq!(config.kafka.client["queued.min.messages"].expose(), "10");
}

#[test]
fn what_is_read_ahead_is_a_part_of_the_memory_that_is_set() {
    let read_ahead =
        |text: &str| load(text, &[]).unwrap().kafka.client.get("queued.max.messages.kbytes").map(|value| value.expose().to_owned());
    assert_eq!(read_ahead(""), None);
    assert_eq!(read_ahead("[limits]\nmemory = \"64MiB\"").as_deref(), Some("1024"));
    assert_eq!(read_ahead("[limits]\nmemory = \"1GiB\"").as_deref(), Some("16384"));
    assert_eq!(read_ahead("[limits]\nmemory = \"64GiB\"").as_deref(), Some("65536"));
    let asked = "[limits]\nmemory = \"1GiB\"\n[kafka.client]\n\"queued.max.messages.kbytes\" = 500";
    assert_eq!(read_ahead(asked).as_deref(), Some("500"));
}

#[test]
fn an_instance_is_not_named_as_its_own_check_is() {
    assert!(error("[kafka]\ninstance_id = \"check-a\"").starts_with("kafka.instance_id is check-a; another beginning is needed"));
}

#[test]
fn the_commented_example_says_what_the_defaults_are() {
    let example = include_str!("../../offerstream.toml");
    let uncommented: String = example.lines().map(|line| line.strip_prefix("#:").unwrap_or(line).to_owned() + "\n").collect();
    let (with_example, defaults) = (load(&uncommented, &[]).unwrap(), Config::default());
    let comparable = |config: &Config| {
        let kafka = KafkaConfig { brokers: String::new(), instance_id: String::new(), ..config.kafka.clone() };
        format!("{kafka:?}\n{:?}\n{:?}\n{:?}\n{:?}", config.formats, config.http, config.privacy, config.engine).replace(", ", ",\n")
    };
    assert_eq!(comparable(&with_example), comparable(&defaults));
}

#[test]
fn client_settings_come_from_the_environment_with_underscores_for_dots_and_overrule_the_file() {
    let file = "[kafka.client]\n\"sasl.password\" = \"old\"\n\"sasl.username\" = \"shop\"";
    let environment = [("OFFERSTREAM_KAFKA__CLIENT__SASL_PASSWORD", "new"), ("OFFERSTREAM_KAFKA__CLIENT__LOG_LEVEL", "6")];
    let config = load(file, &environment).unwrap();
    let client: Vec<(&str, &str)> = config.kafka.client.iter().map(|(name, value)| (name.as_str(), value.expose())).collect();
    assert_eq!(client, [("log_level", "6"), ("sasl.password", "new"), ("sasl.username", "shop")]);
}

#[test]
fn client_settings_come_from_files_beside_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("password", "hunter2\n");
    write("config.toml", "[kafka.client_files]\n\"sasl.password\" = \"password\"");
    let path = folder.path().join("config.toml");
    let config = Config::load(Some(&path), std::iter::empty()).unwrap();
    assert_eq!(config.kafka.client["sasl.password"].expose(), "hunter2");
    write("config.toml", "[kafka.client_files]\n\"sasl.password\" = \"nowhere\"");
    let message = format!("{:#}", Config::load(Some(&path), std::iter::empty()).unwrap_err());
    assert!(message.contains("kafka.client_files.sasl.password: ") && message.contains("nowhere can't be read"), "{message}");
    write("config.toml", "[kafka.client]\n\"sasl.password\" = \"x\"\n[kafka.client_files]\n\"sasl.password\" = \"password\"");
    let message = format!("{:#}", Config::load(Some(&path), std::iter::empty()).unwrap_err());
    assert!(message.contains("kafka.client.sasl.password and kafka.client_files.sasl.password are both set"), "{message}");
}

#[test]
fn no_secret_is_shown_by_the_configuration_or_by_what_is_wrong_with_it() {
    let files = [
        "[kafka.client]\n\"sasl.password\" = hunter2-hunter2-hunter2",
        "[kafka.client]\n\"sasl.password\" = \"hunter2-hunter2-hunter2\"\n\"sasl.mechanism\" = ",
        "[http]\ntoken = [\"hunter2-hunter2-hunter2\"]\nlisten = 7",
        "[http]\ntoken = \"hunter2-hunter2-hunter2 \"",
        "[http]\ntoken = \"hunter2\"",
        "[http]\nwrite_key = \"hunter2-hunter2-hunter2\"",
        "[http]\ntoken = \"hunter2-hunter2-hunter2\"\nwrite_key = \"hunter2-hunter2-hunter2\"",
        "[kafka]\nclient_password = \"hunter2-hunter2-hunter2\"",
        "[kafka]\nclient = \"sasl.password=hunter2-hunter2-hunter2\"",
    ];
    for file in files {
        let message = format!("{:#}", load(file, &[]).unwrap_err());
        assert!(!message.contains("hunter2"), "{message}");
    }
    let file = "[kafka.client]\n\"sasl.password\" = \"hunter2-hunter2-hunter2\"\n[http]\ntoken = \"hunter2-hunter2-hunter2\"";
    let environment = [("OFFERSTREAM_KAFKA__CLIENT__SSL_KEY_PASSWORD", "hunter2")];
    assert!(!format!("{:?}", load(file, &environment).unwrap()).contains("hunter2"));
}

#[test]
fn what_is_open_to_the_network_needs_a_token_or_is_warned_of() {
    insta::assert_snapshot!(error("[http]\nlisten = \"0.0.0.0:9464\"\nevents = true"), @"http.events is true; where http.listen is not this machine's own address, http.token_file or http.token is needed");
    insta::assert_snapshot!(error("[http]\nwrite_key = \"0123456789abcdef\""), @"http.write_key is set; http.token_file or http.token is needed with it, for else all may do everything");
    insta::assert_snapshot!(error("[http]\norigins = [\"https://shop.example/\"]"), @r#"http.origins is "https://shop.example/"; an origin is scheme://host[:port] without a path, such as https://shop.example"#);
    let warning = |toml: &str| load(toml, &[]).unwrap().http.warning();
    assert!(warning("[http]\nlisten = \"0.0.0.0:9464\"").is_some_and(|line| line.starts_with("http.listen = 0.0.0.0:9464 is not")));
    assert_eq!(warning("[http]\nlisten = \"0.0.0.0:9464\"\ntoken = \"0123456789abcdef\""), None);
    assert_eq!((warning(""), warning("[http]\nlisten = \"[::1]:9464\"")), (None, None));
}

#[test]
fn the_key_of_customers_comes_from_a_file_or_the_environment_and_is_never_shown() {
    const KEY: &str = "correct horse battery";
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    std::fs::write(&path, format!("{KEY}\n")).unwrap();
    let of_file = load(&format!("[privacy]\ncustomer_key_file = {:?}", path.display().to_string()), &[]).unwrap();
    let of_environment = load("", &[("OFFERSTREAM_PRIVACY__CUSTOMER_KEY", KEY)]).unwrap();
    let hash = |config: &Config| config.privacy.key.as_ref().map(|key| key.hash("c"));
    assert!(hash(&of_file).is_some() && hash(&of_file) == hash(&of_environment));
    assert_eq!(hash(&load("", &[]).unwrap()), None);
    assert!(!format!("{of_file:?}{of_environment:?}").contains("correct"));
    let refused = [
        (String::new(), Some("short"), "privacy.customer_key: it has 5 bytes; 16 or more are needed"),
        (format!("[privacy]\ncustomer_key = {KEY:?}"), None, "privacy.customer_key is in the file; a key is kept"),
        (format!("[privacy]\ncustomer_key_file = {:?}", path.display().to_string()), Some(KEY), "are both set"),
        ("[privacy]\ncustomer_key_file = \"/nowhere/key\"".into(), None, "/nowhere/key can't be read"),
        ("[privacy]\nevidence_baskets_min = 0".into(), None, "privacy.evidence_baskets_min is 0; 1 or more is allowed; 1 shows all"),
    ];
    for (toml, key, says) in refused {
        let environment: Vec<(&str, &str)> = key.map(|key| ("OFFERSTREAM_PRIVACY__CUSTOMER_KEY", key)).into_iter().collect();
        let message = format!("{:#}", load(&toml, &environment).unwrap_err());
        assert!(message.contains(says) && !message.contains("correct") && !message.contains("short"), "{message}");
    }
}

#[test]
fn a_topic_has_its_format_and_one_that_is_republished_that_of_the_topic_it_came_from() {
    use crate::event::{Format, ShopifyItem, ShopifyTopic};
    let kafka = "[kafka]\nevents_topics = [\"Shop.events\", \"hooks\"]\nrepartition = true\n";
    let config = load(
        &format!(
            "{kafka}[formats]\nshopify_item = \"sku\"\n[formats.topics]\n\"Shop.events\" = \"segment\"\nhooks = \"shopify:orders/create\""
        ),
        &[],
    );
    let config = config.unwrap();
    let headers = [(ORIGIN_TOPIC, b"Shop.events".as_slice())];
    let format = |topic: &str| config.reading_of(topic, Some(&headers.as_slice())).format;
    assert_eq!(format("hooks"), Format::Shopify(Some(ShopifyTopic::OrdersCreate)));
    assert_eq!((format("offerstream.events"), format("other")), (Format::Segment, Format::Auto));
    assert_eq!(config.reading_of("other", None).shopify_item, ShopifyItem::Sku);
    assert_eq!(Config::default().reading_of("shop.events", None).format, Format::Auto);
    insta::assert_snapshot!(error("[formats.topics]\nelsewhere = \"ga4\""), @"formats.topics is elsewhere; kafka.events_topics has no such topic: it is shop.events");
    assert!(
        error("[formats.topics]\n\"shop.events\" = \"xml\"")
            .contains("\"xml\" is not allowed (auto, native, cloudevents, segment, ga4, shopify")
    );
    assert!(error("[formats]\nshopify_item = \"id\"").contains("product, variant and sku are"));
}
