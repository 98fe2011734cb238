# English. Also what is said where another language has no words of its own.
#
# A message is named <basis>[-<placement>][-<kind>][-<form>]. The first that fits is said: all that it uses must be
# known. Forms are tried in this order, each first for the placement and the kind, then for the placement, then for the
# kind, then for any:
#
#   (none)            all is known
#   few               it was bought, in fewer than 5 baskets: $together is not known
#   untitled          $with is not known
#   few-untitled      both
#   unpriced          $difference or $saving is not known
#   unnamed           $category is not known
#   plain             there is nothing to count
#   plain-untitled    and $with is not known
#   bare              nothing is known
#
# Numbers: $together, $baskets, $days, $number (in stamp-card it counts as an ordinal: [one] is 1st, 21st).
# Texts: $with, $category; money, already written out: $difference, $saving.

pair = { $together } of { $baskets } baskets with { $with } had it too
pair-few = Bought together with { $with } before
pair-untitled = { $together } of { $baskets } baskets with an item of yours had it too
pair-few-untitled = Bought together with an item of yours before
pair-plain = Goes with { $with }
pair-plain-untitled = Goes with an item of yours
pair-add-on = A small extra: { $together } of { $baskets } baskets with { $with } had it
pair-product-page-untitled = { $together } of { $baskets } baskets with what you are looking at had it too
pair-product-page-few-untitled = Bought before together with what you are looking at
pair-product-page-plain-untitled = Goes with what you are looking at
pair-abandoned-cart = Goes with { $with } in your basket: in { $together } of { $baskets } baskets with it
pair-abandoned-cart-few = Goes with { $with } in your basket: bought together before
pair-abandoned-cart-plain = Goes with { $with } in your basket
pair-post-purchase = Goes with your { $with }: in { $together } of { $baskets } baskets with it
pair-post-purchase-few = Goes with your { $with }: bought together before
pair-post-purchase-untitled = { $together } of { $baskets } baskets with an item you bought had it too
pair-post-purchase-few-untitled = Bought before together with an item you bought
pair-post-purchase-plain = Goes with your { $with }
pair-post-purchase-plain-untitled = Goes with an item you bought
pair-follow-up = You bought { $with }: { $together } of { $baskets } baskets with it had this too
pair-follow-up-few = You bought { $with }: this was bought with it before
pair-follow-up-untitled = { $together } of { $baskets } baskets with an item you bought had it too
pair-follow-up-few-untitled = Bought before together with an item you bought
pair-follow-up-plain = You bought { $with }: this goes with it
pair-follow-up-plain-untitled = Goes with an item you bought

category = { $together } of { $baskets } baskets with items like { $with } had something from { $category }
category-few = From { $category }, bought with items like { $with } before
category-untitled = { $together } of { $baskets } similar baskets had something from { $category }
category-few-untitled = From { $category }, bought in similar baskets before
category-unnamed = { $together } of { $baskets } similar baskets had something of this kind
category-plain = Something from { $category } to go with { $with }
category-plain-untitled = Something from { $category } to go with your choice
category-bare = Something to go with your choice

popular-in-category = A favourite in { $category }: in { $together } of { $baskets } baskets
popular-in-category-few = From { $category }, bought here before
popular-in-category-unnamed = In { $together } of { $baskets } baskets here
popular-in-category-plain = Our suggestion from { $category }
popular-in-category-bare = Our suggestion

popular = In { $together } of { $baskets } baskets here
popular-few = Bought here before
popular-bare = Our suggestion

pinned = Our pick to go with { $with }
pinned-untitled = Our pick for you
pinned-upsell = Our pick in place of { $with }

history =
    { $number ->
        [one] You had it in an earlier order
       *[other] You had it in { $number } of your { $baskets } earlier orders
    }
history-plain = You have bought it before

rebuy =
    { $days ->
        [one] You bought it { $days } day ago; time for more?
       *[other] You bought it { $days } days ago; time for more?
    }
rebuy-plain = You have bought it before; time for more?

upgrade = The step up from { $with }, for { $difference } more
upgrade-untitled = A step up, for { $difference } more
upgrade-unpriced = The step up from { $with }
upgrade-bare = A step up from your choice

learned-upgrade = { $together } of { $baskets } buyers who looked at { $with } took this instead
learned-upgrade-few = Chosen before in place of { $with }
learned-upgrade-untitled = { $together } of { $baskets } buyers who looked at the same item took this instead
learned-upgrade-few-untitled = Chosen before in place of the same item
learned-upgrade-plain = Another choice beside { $with }
learned-upgrade-bare = Another choice

ladder = The next one up from { $with }, for { $difference } more
ladder-untitled = The next one up, for { $difference } more
ladder-unpriced = The next one up from { $with }
ladder-bare = The next one up from your choice

bundle = Together with { $with }: you save { $saving }
bundle-untitled = As a set: you save { $saving }
bundle-unpriced = As a set with { $with }
bundle-bare = Part of a set

stamp-card =
    { $number ->
        [one] Your { $number }st in { $category }: { $saving } off
        [two] Your { $number }nd in { $category }: { $saving } off
        [few] Your { $number }rd in { $category }: { $saving } off
       *[other] Your { $number }th in { $category }: { $saving } off
    }
stamp-card-unpriced =
    { $number ->
        [one] Your { $number }st in { $category }
        [two] Your { $number }nd in { $category }
        [few] Your { $number }rd in { $category }
       *[other] Your { $number }th in { $category }
    }
stamp-card-unnamed =
    { $number ->
        [one] Your { $number }st: { $saving } off
        [two] Your { $number }nd: { $saving } off
        [few] Your { $number }rd: { $saving } off
       *[other] Your { $number }th: { $saving } off
    }
stamp-card-plain = Stamp card for { $category }: { $saving } off
stamp-card-plain-untitled = Stamp card: { $saving } off
stamp-card-bare = Counts towards your stamp card

new = New in { $category }
new-bare = New here

# What others think of the item, as a second sentence: $rating is written out, $count is a number.
proof-rating = { $rating } of 5 from { $count } ratings
proof-week = In { $count } baskets this week

# Money: $amount is the number, as this language writes it; $code is the code of a currency that has no line here.
currency = { $code }{"\u00A0"}{ $amount }
currency-EUR = €{ $amount }
currency-GBP = £{ $amount }
currency-GEL = ₾{ $amount }
currency-KZT = ₸{ $amount }
currency-RUB = ₽{ $amount }
currency-TRY = ₺{ $amount }
currency-USD = ${ $amount }
currency-UZS = { $amount }{"\u00A0"}soʻm
