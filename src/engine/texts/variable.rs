//! What a message may speak of.
//!
//! Invariant: a message is said only when all that it uses is known, so a text never has a hole.

/// Declares the variables: each has a name in templates and a bit in [`Variables`].
macro_rules! variables {
    ($($(#[$doc:meta])* $member:ident = $name:literal,)+) => {
        /// Something a message may speak of.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Variable { $($(#[$doc])* $member,)+ }

        impl Variable {
            /// Its name in templates, without the `$`.
            pub fn name(self) -> &'static str {
                match self { $(Self::$member => $name),+ }
            }
        }
    };
}

variables! {
    /// The title of the item it goes with.
    With = "with",
    /// The name of the category.
    Category = "category",
    /// How many had it too.
    Together = "together",
    /// Of how many.
    Baskets = "baskets",
    /// How much dearer it is.
    Difference = "difference",
    /// How much is saved.
    Saving = "saving",
    /// How long ago it was bought.
    Days = "days",
    /// Which purchase it is, or how many orders had it.
    Number = "number",
    /// A mean rating.
    Rating = "rating",
    /// How many ratings or baskets.
    Count = "count",
    /// The number of an amount of money.
    Amount = "amount",
    /// The code of its currency.
    Code = "code",
    /// That it was bought at all. No template can name it: the forms that say "bought before" need it.
    Bought = "",
}

/// A set of variables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Variables(u16);

impl Variables {
    /// This set, and the variable.
    pub fn with(self, variable: Variable) -> Self {
        Self(self.0 | 1 << variable as u16)
    }

    /// Both sets.
    pub fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// This set, and the variable on that condition.
    pub fn with_if(self, variable: Variable, condition: bool) -> Self {
        if condition { self.with(variable) } else { self }
    }

    /// Whether the variable is in it.
    pub fn has(self, variable: Variable) -> bool {
        self.0 & 1 << variable as u16 != 0
    }

    /// Whether all of `other` is in it.
    pub fn covers(self, other: Self) -> bool {
        other.0 & !self.0 == 0
    }

    /// How many they are.
    pub fn len(self) -> usize {
        self.0.count_ones() as usize
    }
}
