//! The closed sets of words that offers, totals and metrics share.

use serde::{Deserialize, Serialize};

/// Declares a closed set: an enum whose members have a name on the wire.
macro_rules! closed_set {
    ($(#[$doc:meta])* $name:ident { $($(#[$member_doc:meta])* $member:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$member_doc])* $member,)+ }

        impl $name {
            /// Every member, in order.
            pub const ALL: &[Self] = &[$(Self::$member),+];

            /// The member's name on the wire and as a label.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$member => $text),+ }
            }
        }
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
    }
}

impl Outcome {
    /// Whether no offer was made.
    #[must_use]
    pub fn is_suppressed(self) -> bool {
        !matches!(self, Self::Offered | Self::Withheld)
    }
}
