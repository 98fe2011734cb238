//! The closed sets of words that offers, totals and metrics share.

use serde::{Deserialize, Serialize};

/// Declares a closed set: an enum whose members have a name on the wire.
macro_rules! closed_set {
    ($(#[$doc:meta])* $name:ident { $($(#[$member_doc:meta])* $member:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$member_doc])* #[serde(rename = $text)] $member,)+ }

        impl $name {
            /// Every member, in order.
            pub const ALL: &[Self] = &[$(Self::$member),+];

            /// The member's name on the wire and as a label.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$member => $text),+ }
            }
        }

        // The derive does not see names that a macro gives.
        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                let names = utoipa::openapi::ObjectBuilder::new().schema_type(utoipa::openapi::schema::Type::String);
                names.enum_values(Some([$($text),+])).into()
            }
        }

        impl utoipa::ToSchema for $name {}
    };
}

closed_set! {
    /// Where an offer is made.
    Placement {
        /// On a product's page.
        ProductPage = "product_page",
        /// In the basket.
        Cart = "cart",
        /// At the checkout.
        Checkout = "checkout",
        /// After the purchase.
        PostPurchase = "post_purchase",
        /// When a basket is left behind.
        AbandonedCart = "abandoned_cart",
        /// Days after a purchase.
        FollowUp = "follow_up",
    }
}

closed_set! {
    /// What an offered item is to the basket.
    OfferKind {
        /// A companion of what is there.
        CrossSell = "cross_sell",
        /// A better one in place of what is there.
        Upsell = "upsell",
        /// A small thing beside the whole.
        AddOn = "add_on",
        /// Several together at a price.
        Bundle = "bundle",
    }
}

closed_set! {
    /// Which arm of the experiment a shopper is in.
    Arm {
        /// Gets offers.
        Treatment = "treatment",
        /// Is kept from offers, to compare with.
        Holdout = "holdout",
    }
}

closed_set! {
    /// How far an experiment is.
    ExperimentState {
        /// Nobody is held out.
        Off = "off",
        /// There is too little to tell.
        Collecting = "collecting",
        /// Its figures can be read.
        Ready = "ready",
        /// The arms are not what was planned: its figures can't be trusted.
        SampleRatio = "sample_ratio",
        /// Nobody tells what shoppers saw of offers, so what they caused can't be said.
        NoFeedback = "no_feedback",
    }
}

closed_set! {
    /// How a trigger ended: offered, withheld, or the reason why there was no offer.
    Outcome {
        /// An offer was made.
        Offered = "offered",
        /// An offer was made and kept back: the shopper is held out.
        Withheld = "withheld",
        /// The event had been seen before.
        Duplicate = "duplicate",
        /// The basket is empty, or not known here.
        EmptyBasket = "empty_basket",
        /// The basket has as many lines as `limits.basket_lines` allows, and the item found no room.
        BasketFull = "basket_full",
        /// Nothing known goes with the basket.
        NoCandidates = "no_candidates",
        /// Candidates there were, none with enough evidence.
        TooLittleEvidence = "too_little_evidence",
        /// Further lines of an order that was answered already.
        OrderAnswered = "order_answered",
        /// The placement's policy leaves the session's channel out.
        ChannelOff = "channel_off",
        /// The placement's policy leaves the shopper's segment out.
        SegmentOff = "segment_off",
        /// The shopper has not decided on anything yet.
        NotDecided = "not_decided",
        /// The shopper has sent away as many offers as `rules.dismissals_max` allows.
        LeftAlone = "left_alone",
        /// As many offers as a session may see.
        SessionCap = "session_cap",
        /// As many offers as a session may see at this placement.
        PlacementCap = "placement_cap",
        /// As many offers as a customer may see on one day.
        CustomerCap = "customer_cap",
        /// What is best is in the basket.
        InBasket = "in_basket",
        /// What is best was bought in this session.
        JustBought = "just_bought",
        /// What is best is out of stock.
        OutOfStock = "out_of_stock",
        /// What is best is excluded: by the rules, or by the catalogue beside what is there.
        Excluded = "excluded",
        /// What is best is a variant of what is there.
        VariantThere = "variant_there",
        /// What is best was sent away, or taken out of the basket.
        Resting = "resting",
        /// What is best was shown as often as `rules.item_session_max` allows.
        SeenTooOften = "seen_too_often",
        /// What is best was shown in the offer before.
        JustShown = "just_shown",
        /// What is best is dearer than the rules allow beside what is there.
        TooDear = "too_dear",
        /// What is best is too large a share of the basket for an add-on, or has no price to tell by.
        NotSmall = "not_small",
        /// What is best is owned, and bought once.
        Owned = "owned",
        /// What is best is bought again and again, and the usual gap has not passed.
        NotDue = "not_due",
        /// What is best is nearly the same as the others of the offer.
        TooSimilar = "too_similar",
        /// It would have expired before it was made: the event came late.
        TooLate = "too_late",
        /// What is best has no margin left to give, or none that is known.
        NoMargin = "no_margin",
        /// The placement holds itself back: too many offers were sent away there, or it loses money.
        Throttled = "throttled",
    }
}

closed_set! {
    /// Why feedback on an offer is left out of the figures.
    FeedbackIgnored {
        /// No such offer is known here, or not any more.
        UnknownOffer = "unknown_offer",
        /// The offer has no such item.
        UnknownItem = "unknown_item",
        /// It had expired.
        Expired = "expired",
        /// It was kept back: nobody can have seen it.
        Withheld = "withheld",
    }
}

closed_set! {
    /// Why an amount is left out of the figures.
    AmountIgnored {
        /// More units came back than were bought, or than were left.
        RefundTooLarge = "refund_too_large",
        /// An item came back that the order does not have.
        RefundOfUnknownItem = "refund_of_unknown_item",
        /// A refund names another currency than its order.
        RefundInOtherCurrency = "refund_in_other_currency",
        /// An order is in another currency than the shop's: the experiment leaves it out.
        OrderInOtherCurrency = "order_in_other_currency",
    }
}

closed_set! {
    /// A step on an offered item's way.
    ItemStep {
        /// In an offer that was sent.
        Emitted = "emitted",
        /// On the shopper's screen.
        Shown = "shown",
        /// Opened.
        Clicked = "clicked",
        /// Sent away.
        Dismissed = "dismissed",
        /// Put into the basket after it was shown.
        Accepted = "accepted",
        /// Bought after it was shown.
        Paid = "paid",
        /// Put into the basket after it was emitted, shown or not: "would have hit".
        Matched = "matched",
    }
}

closed_set! {
    /// The step of the evidence behind an offered item, from the strongest to the weakest.
    EvidenceStep {
        /// Bought together.
        Pair = "pair",
        /// Bought by this customer before.
        History = "history",
        /// Bought by many.
        Popular = "popular",
        /// Bought together by their categories.
        Category = "category",
        /// Put first by the shop itself.
        Pinned = "pinned",
    }
}

impl Outcome {
    /// Whether no offer was made.
    #[must_use]
    pub fn is_suppressed(self) -> bool {
        !matches!(self, Self::Offered | Self::Withheld)
    }
}
