//! Purpose: how the simulated shoppers behave, every number of it in one place.
//!
//! Invariant: constants only. Probabilities are per occasion, times in milliseconds of shop time.
//! The truth that the engine's figures can be held against is the section "Offers".

/// One second of shop time.
pub(super) const SECOND_MS: i64 = 1_000;
/// One minute of shop time.
pub(super) const MINUTE_MS: i64 = 60 * SECOND_MS;
/// One hour of shop time.
pub(super) const HOUR_MS: i64 = 60 * MINUTE_MS;

// --- Who comes -------------------------------------------------------------------------------

/// Shoppers who are customers of the shop and come back.
pub(super) const CUSTOMER: f64 = 0.40;
/// How many such customers there are; a few of them come often, most of them rarely.
pub(super) const CUSTOMERS: usize = 4_000;
/// Customers who log in no earlier than at checkout.
pub(super) const LOGS_IN_LATE: f64 = 0.25;
/// Shoppers on the web site; the others use the app.
pub(super) const ON_THE_WEB: f64 = 0.62;
/// Shoppers' languages, with their share of all shoppers.
pub(super) const LOCALES: [(&str, f64); 3] = [("en", 0.78), ("uz", 0.13), ("ka", 0.09)];

// --- What they do ----------------------------------------------------------------------------

/// Shoppers who only look around.
pub(super) const BROWSES: f64 = 0.15;
/// Shoppers who come for what they always buy.
pub(super) const RESTOCKS: f64 = 0.17;
/// Customers who restock take one of their own staples rather than anything else.
pub(super) const OWN_STAPLE: f64 = 0.75;
/// Shoppers look at something alike before what they came for, up to twice.
pub(super) const LOOKS_AT_ALIKE: f64 = 0.55;
/// Shoppers put what they came for into the cart.
pub(super) const ADDS_ANCHOR: f64 = 0.90;
/// They swap it for a better one straight away, where there is one.
pub(super) const SWAPS_FOR_BETTER: f64 = 0.10;
/// Buyers come for another thing, which has nothing to do with the one before, and perhaps for a third: two chances of this.
pub(super) const ANOTHER_ANCHOR: f64 = 0.40;
/// Buyers of a product also want its companions: its first, its second and so on.
pub(super) const WANTS_COMPANION: [f64; 4] = [0.55, 0.40, 0.28, 0.20];
/// They look at a companion's page before they add it, rather than adding it from a list.
pub(super) const VIEWS_COMPANION: f64 = 0.65;
/// Buyers add something that goes with nothing.
pub(super) const ADDS_NOISE: f64 = 0.15;
/// Buyers take one thing out of the cart again.
pub(super) const REMOVES: f64 = 0.08;
/// Consumables are taken by two to four.
pub(super) const TAKES_SEVERAL: f64 = 0.35;
/// Shoppers with a cart go to checkout.
pub(super) const CHECKS_OUT: f64 = 0.78;
/// Shops tell what is in the cart with the checkout event.
pub(super) const CHECKOUT_LISTS_ITEMS: f64 = 0.30;
/// Shoppers at checkout pay.
pub(super) const PAYS: f64 = 0.87;

// --- Orders ----------------------------------------------------------------------------------

/// Orders with a coupon for a tenth off.
pub(super) const COUPON: f64 = 0.08;
/// That coupon.
pub(super) const COUPON_CODE: &str = "SIM10";
/// What it takes off, in per cent.
pub(super) const COUPON_PERCENT: i64 = 10;
/// Orders that name the tax in them, and its rate in per cent.
pub(super) const TAXED: f64 = 0.50;
/// See [`TAXED`].
pub(super) const TAX_PERCENT: i64 = 8;
/// Shipping, in cents, below the value from which it is free.
pub(super) const SHIPPING_CENTS: i64 = 499;
/// See [`SHIPPING_CENTS`].
pub(super) const FREE_SHIPPING_FROM_CENTS: i64 = 5_000;
/// Orders called off or sent back later.
pub(super) const REGRETS: f64 = 0.035;
/// Of those, called off as a whole before anything was sent.
pub(super) const CANCELS: f64 = 0.15;
/// Of the others, sent back as a whole; the rest is one line of the order.
pub(super) const REFUNDS_ALL: f64 = 0.40;
/// When, at the earliest and at the latest; as often in hours as in days.
pub(super) const REGRET_AFTER_MS: (i64, i64) = (20 * MINUTE_MS, 7 * 24 * HOUR_MS);
/// Orders that may be regretted at once; beyond this, shoppers keep what they have.
pub(super) const REGRETS_MAX: usize = 2_000;

// --- Offers: the truth -----------------------------------------------------------------------

/// Offers that are seen at all: some pages are left before.
pub(super) const SEES_OFFER: f64 = 0.90;
/// The shopper accepts the first item of an offer, at a price that is nothing beside the basket, if
/// they mean to add it later in this visit anyway. (Attributed to the offer, but not caused by it.)
pub(super) const ACCEPTS_INTENDED: f64 = 0.40;
/// … if it is a companion of something in the basket, or of the product looked at before there is one.
pub(super) const ACCEPTS_COMPANION: f64 = 0.15;
/// … if it is a better variant of something in the basket, which it then replaces.
pub(super) const ACCEPTS_BETTER: f64 = 0.05;
/// … if it is one of the customer's staples.
pub(super) const ACCEPTS_STAPLE: f64 = 0.08;
/// … if it is anything else.
pub(super) const ACCEPTS_OTHER: f64 = 0.008;
/// These times this, by the item's place in the offer (the last also for places after it).
pub(super) const BY_POSITION: [f64; 3] = [1.0, 0.75, 0.55];
/// And times this, while the item costs at most this share of the basket ([`TOO_DEAR`] above).
pub(super) const BY_PRICE: [(f64, f64); 3] = [(0.25, 1.0), (0.5, 0.8), (1.0, 0.5)];
/// See [`BY_PRICE`].
pub(super) const TOO_DEAR: f64 = 0.15;
/// Whoever accepts clicks first to look at it; the others take it with one click.
pub(super) const CLICKS_BEFORE_TAKING: f64 = 0.35;
/// Whoever accepts nothing clicks on something all the same.
pub(super) const CLICKS_ONLY: f64 = 0.06;
/// Whoever does not even click dismisses the offer.
pub(super) const DISMISSES: f64 = 0.08;
/// A shopper who was about to leave, but took something, orders after all.
pub(super) const ORDERS_AFTER_TAKING: f64 = 0.45;
/// From the offer's arrival until it is seen.
pub(super) const SEES_AFTER_MS: (i64, i64) = (1_200, 7_000);
/// From seeing it until the shopper does something about it.
pub(super) const REACTS_AFTER_MS: (i64, i64) = (1_500, 9_000);
/// Offers a shopper can have before them; further ones go unseen.
pub(super) const OFFERS_BEFORE_SHOPPER_MAX: usize = 6;

// --- Pauses before an act --------------------------------------------------------------------

/// Before the next product page.
pub(super) const VIEW_PAUSE_MS: (i64, i64) = (8 * SECOND_MS, 55 * SECOND_MS);
/// Before something goes into the cart, or out of it.
pub(super) const CART_PAUSE_MS: (i64, i64) = (5 * SECOND_MS, 45 * SECOND_MS);
/// Before checkout.
pub(super) const CHECKOUT_PAUSE_MS: (i64, i64) = (10 * SECOND_MS, 60 * SECOND_MS);
/// At checkout, before paying.
pub(super) const PAY_PAUSE_MS: (i64, i64) = (25 * SECOND_MS, 120 * SECOND_MS);
/// Before leaving without an order.
pub(super) const LEAVE_PAUSE_MS: (i64, i64) = (10 * SECOND_MS, 90 * SECOND_MS);
