//! Why a record can't be used: a closed set of reasons, each with a detail that names field and value.

use serde::{Deserialize, Serialize};

use super::is_hidden;

/// A record that can't be used, with the reason. It goes to the dead letters, whole up to 64 kB.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {detail}", reason.as_str())]
pub struct Reject {
    /// Out of the closed set.
    pub reason: RejectReason,
    /// One line for a person: the field, its value (shortened), what is allowed.
    pub detail: String,
}

impl Reject {
    /// A rejection with its detail, which is made one line that shows what it has: it becomes a header, and a line of a log.
    pub fn new(reason: RejectReason, detail: impl Into<String>) -> Self {
        let mut detail = detail.into();
        if detail.chars().any(is_hidden) {
            detail = detail.chars().map(|c| if is_hidden(c) { c.escape_unicode().to_string() } else { c.to_string() }).collect();
        }
        Self { reason, detail }
    }
}

/// The closed set of reasons, which metrics are labelled with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[allow(missing_docs, reason = "named as on the wire")]
pub enum RejectReason {
    Empty,
    TooLarge,
    NotUtf8,
    NotJson,
    NotAnObject,
    MissingType,
    UnknownType,
    MissingTime,
    BadTime,
    FutureTime,
    MissingId,
    BadId,
    MissingItem,
    MissingOrder,
    MissingOffer,
    MissingCustomer,
    BadQuantity,
    BadPrice,
    BadAmount,
    BadCurrency,
    BadField,
    TooManyItems,
    UnknownOrder,
    CustomerErased,
    UnknownVersion,
    BadToken,
    ExpiredToken,
}

impl RejectReason {
    /// Every reason.
    pub const ALL: [Self; 27] = [
        Self::Empty,
        Self::TooLarge,
        Self::NotUtf8,
        Self::NotJson,
        Self::NotAnObject,
        Self::MissingType,
        Self::UnknownType,
        Self::MissingTime,
        Self::BadTime,
        Self::FutureTime,
        Self::MissingId,
        Self::BadId,
        Self::MissingItem,
        Self::MissingOrder,
        Self::MissingOffer,
        Self::MissingCustomer,
        Self::BadQuantity,
        Self::BadPrice,
        Self::BadAmount,
        Self::BadCurrency,
        Self::BadField,
        Self::TooManyItems,
        Self::UnknownOrder,
        Self::CustomerErased,
        Self::UnknownVersion,
        Self::BadToken,
        Self::ExpiredToken,
    ];

    /// The reason's name on the wire and as a label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::TooLarge => "too_large",
            Self::NotUtf8 => "not_utf8",
            Self::NotJson => "not_json",
            Self::NotAnObject => "not_an_object",
            Self::MissingType => "missing_type",
            Self::UnknownType => "unknown_type",
            Self::MissingTime => "missing_time",
            Self::BadTime => "bad_time",
            Self::FutureTime => "future_time",
            Self::MissingId => "missing_id",
            Self::BadId => "bad_id",
            Self::MissingItem => "missing_item",
            Self::MissingOrder => "missing_order",
            Self::MissingOffer => "missing_offer",
            Self::MissingCustomer => "missing_customer",
            Self::BadQuantity => "bad_quantity",
            Self::BadPrice => "bad_price",
            Self::BadAmount => "bad_amount",
            Self::BadCurrency => "bad_currency",
            Self::BadField => "bad_field",
            Self::TooManyItems => "too_many_items",
            Self::UnknownOrder => "unknown_order",
            Self::CustomerErased => "customer_erased",
            Self::UnknownVersion => "unknown_version",
            Self::BadToken => "bad_token",
            Self::ExpiredToken => "expired_token",
        }
    }
}
