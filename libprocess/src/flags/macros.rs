//! The declaration of a set of flags; see the example in [the module](super).

/// Declares a struct whose fields are flags.
///
/// A field's doc comment is its help text. Its type is a [`FlagValue`](crate::flags::FlagValue):
/// `Option<T>` may be left out, another type without a default is required. Braces after the
/// default add what [`Extra`](crate::flags::Extra) knows: further names, deprecation, choices.
/// `include { name: OtherFlags }` at the top takes in another set.
#[macro_export]
macro_rules! flags {
    (
        $(#[$meta:meta])*
        $vis:vis struct $set:ident {
            $( include { $( $included:ident : $other:ty ),+ $(,)? } )?
            $(
                $( #[doc = $help:literal] )+
                $field:ident : $type:ty $( = $default:literal )? $( { $($extra:tt)* } )? ;
            )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug)]
        $vis struct $set {
            $( $(
                #[doc = concat!("The flags of [`", stringify!($other), "`].")]
                pub $included: $other,
            )+ )?
            $(
                $( #[doc = $help] )+
                pub $field: $type,
            )*
        }

        impl $set {
            /// The flags declared here, without those of other sets.
            const SPECS: &'static [$crate::flags::Spec] = &[
                $( $crate::flags::Spec {
                    name: stringify!($field),
                    kind: <$type as $crate::flags::FlagValue>::KIND,
                    default: $crate::flags!(@default $($default)?),
                    required: $crate::flags!(@is_empty $($default)?)
                        && !<$type as $crate::flags::FlagValue>::OPTIONAL,
                    help: &[ $( $help ),+ ],
                    extra: $crate::flags::Extra {
                        $( $($extra)* , )?
                        ..$crate::flags::Extra::NONE
                    },
                }, )*
            ];
        }

        impl $crate::flags::FlagSet for $set {
            fn specs() -> Vec<$crate::flags::Spec> {
                #[allow(unused_mut)]
                let mut specs = Self::SPECS.to_vec();
                $( $( specs.extend(<$other as $crate::flags::FlagSet>::specs()); )+ )?
                specs
            }

            fn from_loaded(
                loaded: &$crate::flags::Loaded,
            ) -> Result<Self, $crate::flags::FlagError> {
                let mut specs = Self::SPECS.iter();
                // Fields are evaluated in the order written, which is that of SPECS.
                let mut next = || match specs.next() {
                    Some(spec) => spec,
                    None => unreachable!("one spec per field, by construction"),
                };
                let _ = &mut next;
                Ok(Self {
                    $( $field: loaded.take::<$type>(next())?, )*
                    $( $( $included: <$other as $crate::flags::FlagSet>::from_loaded(loaded)?, )+ )?
                })
            }

            fn print_into(
                &self,
                values: &mut ::std::collections::BTreeMap<String, String>,
            ) {
                $(
                    if let Some(text) = $crate::flags::FlagValue::print(&self.$field) {
                        values.insert(stringify!($field).to_owned(), text);
                    }
                )*
                $( $( $crate::flags::FlagSet::print_into(&self.$included, values); )+ )?
            }
        }
    };
    (@default) => { None };
    (@default $default:literal) => { Some($default) };
    (@is_empty) => { true };
    (@is_empty $default:literal) => { false };
}
