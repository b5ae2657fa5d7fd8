//! Enums whose variants have stable names, which are stored, logged and shown in JSON.

/// Defines an enum together with `ALL`, `NAMES`, `as_str` and `parse`.
///
/// Each variant is written once, with its name, so that no variant can be missing in `ALL` or in `parse`. A variant may
/// contain a number, such as `Status(u16)`; `ALL` and `parse` have it with the smallest number. After the
/// enum, `or Other(Inner)` adds a variant that has the names of `Inner`, which is such an enum too; `ALL` does not
/// contain it.
///
/// ```text
/// named_enum! {
///     /// A colour.
///     pub enum Colour { Red = "red", Green = "green" }
/// }
/// assert_eq!(Colour::parse("green"), Some(Colour::Green));
/// ```
macro_rules! named_enum {
    (
        $(#[$attribute:meta])*
        $visibility:vis enum $enum:ident {
            $( $(#[$about:meta])* $variant:ident $(($number:ident))? = $name:literal ),+ $(,)?
        }
        $(or $other:ident($inner:ident))?
    ) => {
        $(#[$attribute])*
        $visibility enum $enum {
            $( $(#[$about])* $variant $(($number))?, )+
            $( $other($inner), )?
        }

        impl $enum {
            /// All variants with a name of their own, in the order of their definition.
            $visibility const ALL: [Self; [$($name),+].len()] =
                [$( Self::$variant $((<$number>::MIN))? ),+];

            /// The names of [`Self::ALL`], in the same order.
            $visibility const NAMES: [&'static str; Self::ALL.len()] = [$($name),+];

            /// The name, as stored, logged and shown in JSON; stable.
            $visibility const fn as_str(self) -> &'static str {
                match self {
                    $( Self::$variant { .. } => $name, )+
                    $( Self::$other(inner) => $inner::as_str(inner), )?
                }
            }

            /// The inverse of `as_str`; `None` for a name that this version does not write.
            $visibility fn parse(name: &str) -> Option<Self> {
                match name {
                    $( $name => Some(Self::$variant $((<$number>::MIN))?), )+
                    _ => None $( .or_else(|| $inner::parse(name).map(Self::$other)) )?,
                }
            }
        }
    };
}

pub(crate) use named_enum;

#[cfg(test)]
mod tests {
    named_enum! {
        #[derive(Clone, Copy, Debug, PartialEq)]
        enum Fruit { Apple = "apple", Pears(u8) = "pears" }
    }

    named_enum! {
        #[derive(Clone, Copy, Debug, PartialEq)]
        enum Food { Bread = "bread" }
        or Fruit(Fruit)
    }

    #[test]
    fn each_variant_is_found_by_its_name() {
        assert_eq!(Fruit::ALL, [Fruit::Apple, Fruit::Pears(0)]);
        assert_eq!(Fruit::NAMES, ["apple", "pears"]);
        assert_eq!(Fruit::Pears(7).as_str(), "pears");
        assert_eq!(Fruit::parse("pears"), Some(Fruit::Pears(0)));
        assert_eq!(Fruit::parse("plum"), None);
        assert_eq!((Food::ALL, Food::NAMES), ([Food::Bread], ["bread"]));
        for food in [Food::Bread, Food::Fruit(Fruit::Apple)] {
            assert_eq!(Food::parse(food.as_str()), Some(food));
        }
    }
}
