//! What fields may hold, and how each of it is seen and filled.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Entries, Items, List, Map, Open, Seen, Slot};
use crate::bytes::Bytes;
use crate::schema::{Kind, Kinded};

macro_rules! plain {
    ($($ty:ty: $kind:ident, $open:ident, |$value:ident| $seen:expr;)*) => {$(
        impl Kinded for $ty {
            const KIND: Kind = Kind::$kind;

            fn seen(&self) -> Seen<'_> {
                let $value = self;
                $seen
            }
        }

        impl Slot for $ty {
            fn open(&mut self) -> Open<'_> {
                Open::$open(self)
            }
        }
    )*};
}

plain! {
    bool: Bool, Bool, |value| Seen::Bool(*value);
    i32: Int32, Int32, |value| Seen::Int((*value).into());
    u32: Uint32, Uint32, |value| Seen::Uint((*value).into());
    i64: Int64, Int64, |value| Seen::Int(*value);
    u64: Uint64, Uint64, |value| Seen::Uint(*value);
    f64: Double, Double, |value| Seen::Double(*value);
    String: String, Text, |value| Seen::Text(value);
    Bytes: Bytes, Bytes, |value| Seen::Bytes(value);
}

impl Slot for Arc<str> {
    fn open(&mut self) -> Open<'_> {
        Open::Shared(self)
    }
}

impl<T: Kinded> Kinded for Box<T> {
    const KIND: Kind = T::KIND;

    fn seen(&self) -> Seen<'_> {
        (**self).seen()
    }
}

impl<T: Slot> Slot for Box<T> {
    fn open(&mut self) -> Open<'_> {
        (**self).open()
    }
}

impl<T: Kinded> Slot for Option<T> {
    fn open(&mut self) -> Open<'_> {
        self.insert(T::default()).open()
    }

    fn unset(&mut self) -> bool {
        *self = None;
        true
    }
}

impl<T: Kinded> Slot for Vec<T> {
    fn open(&mut self) -> Open<'_> {
        self.clear();
        Open::List(self)
    }
}

impl<T: Kinded> Items for Vec<T> {
    fn expect(&mut self, items: usize) {
        self.reserve_exact(items);
    }

    fn push(&mut self) -> &mut dyn Slot {
        let index = self.len();
        self.push(T::default());
        &mut self[index]
    }
}

impl<T: Kinded> List for Vec<T> {
    fn length(&self) -> usize {
        self.len()
    }

    fn at(&self, index: usize) -> Seen<'_> {
        self[index].seen()
    }
}

impl<T: Kinded> Slot for BTreeMap<String, T> {
    fn open(&mut self) -> Open<'_> {
        self.clear();
        Open::Map(self)
    }
}

impl<T: Kinded> Entries for BTreeMap<String, T> {
    fn entry(&mut self, key: String) -> &mut dyn Slot {
        // What an earlier entry of the same name held is gone.
        let place = self.entry(key).or_default();
        *place = T::default();
        place
    }
}

impl<T: Kinded> Map for BTreeMap<String, T> {
    fn length(&self) -> usize {
        self.len()
    }

    fn each(&self, see: &mut dyn FnMut(&str, Seen<'_>)) {
        self.iter().for_each(|(key, value)| see(key, value.seen()));
    }
}
