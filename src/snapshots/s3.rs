//! The client of an S3-compatible store, where the program is built with TLS.
//!
//! Invariant: nothing else here names the client, so without TLS it is left out of the build, and `place` lets nobody
//! come here.

use std::sync::Arc;

use object_store::ObjectStore;
use object_store::multipart::MultipartStore;

/// The store, as what keeps objects and as what takes them in parts.
pub(super) type Client = (Arc<dyn ObjectStore>, Arc<dyn MultipartStore>);

#[cfg(feature = "tls")]
pub(super) fn open(bucket: &str) -> object_store::Result<Client> {
    let s3 = Arc::new(builder(bucket).build()?);
    Ok((Arc::clone(&s3) as _, s3))
}

#[cfg(feature = "tls")]
fn builder(bucket: &str) -> object_store::aws::AmazonS3Builder {
    use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
    use object_store::{BackoffConfig, ClientConfigKey, RetryConfig};
    use std::time::Duration;

    /// How long one request to a store is tried again.
    const RETRY_TIMEOUT: Duration = Duration::from_secs(20);

    let backoff = BackoffConfig { max_backoff: Duration::from_secs(5), ..BackoffConfig::default() };
    let retry = RetryConfig { backoff, max_retries: 5, retry_timeout: RETRY_TIMEOUT };
    let mut builder = AmazonS3Builder::from_env().with_bucket_name(bucket).with_retry(retry);
    // A large answer may take its time, as long as there is something of it now and then.
    for (variable, key, time) in
        [("AWS_TIMEOUT", ClientConfigKey::Timeout, "1h"), ("AWS_READ_TIMEOUT", ClientConfigKey::ReadTimeout, "20s")]
    {
        if std::env::var_os(variable).is_none() {
            builder = builder.with_config(AmazonS3ConfigKey::Client(key), time);
        }
    }
    builder
}

#[cfg(not(feature = "tls"))]
pub(super) fn open(_: &str) -> object_store::Result<Client> {
    Err(object_store::Error::NotImplemented { operation: "S3".into(), implementer: "a program that was built without TLS".into() })
}
