//! Where snapshots are kept, as the setting says it.

use std::fmt;
use std::path::PathBuf;

/// A place for snapshots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A folder of this machine, or one that is mounted.
    Folder(PathBuf),
    /// A bucket of an S3-compatible store, and what its names begin with there.
    S3 {
        /// The bucket.
        bucket: String,
        /// May be empty; without slashes around it.
        prefix: String,
    },
}

/// What is allowed, for error messages.
pub const ALLOWED: &str = "file:///folder, s3://bucket/prefix or the path of a folder is allowed";

/// Whether this program can talk to an S3-compatible store: without TLS it is built without the client.
const HAS_S3: bool = cfg!(feature = "tls");

impl Place {
    /// Reads `file:///folder`, `s3://bucket/prefix` or a path.
    ///
    /// # Errors
    /// What is allowed.
    pub fn of(url: &str) -> Result<Self, String> {
        let allowed = || Err(ALLOWED.to_owned());
        match url.split_once("://") {
            Some(("file", path)) if path.starts_with('/') => Ok(Self::Folder(path.into())),
            Some(("s3", rest)) => {
                let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
                if rest.contains(['@', '?']) {
                    return Err("credentials do not belong there; they come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY".to_owned());
                }
                let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
                if bucket.is_empty() || !bucket.chars().all(fits) {
                    return allowed();
                }
                if HAS_S3 { Ok(Self::s3(bucket, prefix)) } else { Err(without_tls(&Self::s3(bucket, prefix))) }
            }
            Some(_) => allowed(),
            None if url.trim().is_empty() => allowed(),
            None => Ok(Self::Folder(url.into())),
        }
    }

    fn s3(bucket: &str, prefix: &str) -> Self {
        Self::S3 { bucket: bucket.to_owned(), prefix: prefix.trim_matches('/').to_owned() }
    }

    /// The place as the setting takes it.
    #[must_use]
    pub fn url(&self) -> String {
        match self {
            Self::Folder(path) if path.is_absolute() => format!("file://{}", path.display()),
            _ => self.to_string(),
        }
    }

    /// Whether a path or URL names a place for several snapshots, rather than one file: by its scheme, by a slash at
    /// its end, or because it is a folder already.
    #[must_use]
    pub fn is_meant_by(path: &str) -> bool {
        path.contains("://") || path.ends_with('/') || std::path::Path::new(path).is_dir()
    }
}

fn without_tls(place: &Place) -> String {
    format!("{place} needs TLS, which this program was built without: name a folder, or build with the feature `tls`, cargo's default")
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => write!(f, "{}", path.display()),
            Self::S3 { bucket, prefix } if prefix.is_empty() => write!(f, "s3://{bucket}"),
            Self::S3 { bucket, prefix } => write!(f, "s3://{bucket}/{prefix}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_folder_a_file_url_or_a_bucket() {
        assert_eq!(Place::of("file:///var/lib/offerstream"), Ok(Place::Folder("/var/lib/offerstream".into())));
        assert_eq!(Place::of("snapshots"), Ok(Place::Folder("snapshots".into())));
        for (url, bucket) in [("s3://shop", Place::s3("shop", "")), ("s3://shop/a/b/", Place::s3("shop", "a/b"))] {
            assert_eq!(Place::of(url), if HAS_S3 { Ok(bucket) } else { Err(without_tls(&bucket)) });
        }
        assert_eq!(Place::s3("shop", "a/b").to_string(), "s3://shop/a/b");
        for bad in ["", " ", "file://relative", "s3://", "s3:///prefix", "gs://bucket", "https://host/bucket", "s3://a b/c"] {
            assert_eq!(Place::of(bad), Err(ALLOWED.to_owned()), "{bad}");
        }
    }

    #[test]
    fn a_bucket_that_a_program_without_tls_cannot_reach_is_named_with_the_remedy() {
        let line = without_tls(&Place::s3("shop", "a/b"));
        assert!(line.starts_with("s3://shop/a/b needs TLS") && line.contains("build with the feature `tls`"), "{line}");
    }

    #[test]
    fn credentials_in_the_url_are_refused() {
        assert!(Place::of("s3://key:secret@bucket/prefix").unwrap_err().contains("AWS_ACCESS_KEY_ID"));
        assert!(Place::of("s3://bucket/prefix?secret=x").unwrap_err().contains("AWS_SECRET_ACCESS_KEY"));
    }
}
