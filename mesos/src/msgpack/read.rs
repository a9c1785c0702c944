//! Reading: a cursor over octets from which values are taken one after another.

use rmp::Marker;

use super::MsgpackError;

/// How deeply values may be nested: a stranger's message must not exhaust the stack.
const MAX_DEPTH: usize = 100;

/// A place in octets.
#[derive(Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
    /// How many octets there were in the beginning.
    total: usize,
    depth: usize,
    /// How many heads may still be read.
    heads: usize,
}

/// What stands before a value: its kind, and its length in entries or octets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Head {
    Nil,
    Bool(bool),
    Integer(i128),
    Double(f64),
    Text(usize),
    Octets(usize),
    Array(usize),
    Map(usize),
    /// An extension, of which nothing is used; its type is one of the octets.
    Extension(usize),
}

impl<'a> Reader<'a> {
    /// A reader at the beginning of these octets.
    pub fn new(octets: &'a [u8]) -> Self {
        Self { rest: octets, total: octets.len(), depth: 0, heads: usize::MAX }
    }

    /// The same, of which no more than so many values are read by [`head`](Self::head).
    pub(super) fn bounded(octets: &'a [u8], values: usize) -> Self {
        Self { heads: values, ..Self::new(octets) }
    }

    /// Says what is wrong at this place.
    pub fn wrong(&self, reason: impl Into<String>) -> MsgpackError {
        MsgpackError::Malformed { offset: self.total - self.rest.len(), reason: reason.into() }
    }

    /// Demands that nothing follows.
    pub fn finish(&self) -> Result<(), MsgpackError> {
        match self.rest.is_empty() {
            true => Ok(()),
            false => Err(self.wrong("octets follow the message")),
        }
    }

    #[inline]
    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], MsgpackError> {
        match self.rest.split_at_checked(length) {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(taken)
            }
            None => Err(self.wrong("it ends early")),
        }
    }

    fn array_of<const N: usize>(&mut self) -> Result<[u8; N], MsgpackError> {
        let mut octets = [0; N];
        octets.copy_from_slice(self.take(N)?);
        Ok(octets)
    }

    /// A length of one, two or four octets.
    fn length(&mut self, octets: usize) -> Result<usize, MsgpackError> {
        let taken = self.take(octets)?;
        Ok(taken.iter().fold(0, |length, octet| length << 8 | usize::from(*octet)))
    }

    pub(super) fn head(&mut self) -> Result<Head, MsgpackError> {
        let marker = Marker::from_u8(self.take(1)?[0]);
        self.heads = match self.heads.checked_sub(1) {
            Some(left) => left,
            None => return Err(self.wrong("it has too many values")),
        };
        Ok(match marker {
            Marker::Null => Head::Nil,
            Marker::True => Head::Bool(true),
            Marker::False => Head::Bool(false),
            Marker::FixPos(value) => Head::Integer(value.into()),
            Marker::FixNeg(value) => Head::Integer(value.into()),
            Marker::U8 => Head::Integer(u8::from_be_bytes(self.array_of()?).into()),
            Marker::U16 => Head::Integer(u16::from_be_bytes(self.array_of()?).into()),
            Marker::U32 => Head::Integer(u32::from_be_bytes(self.array_of()?).into()),
            Marker::U64 => Head::Integer(u64::from_be_bytes(self.array_of()?).into()),
            Marker::I8 => Head::Integer(i8::from_be_bytes(self.array_of()?).into()),
            Marker::I16 => Head::Integer(i16::from_be_bytes(self.array_of()?).into()),
            Marker::I32 => Head::Integer(i32::from_be_bytes(self.array_of()?).into()),
            Marker::I64 => Head::Integer(i64::from_be_bytes(self.array_of()?).into()),
            Marker::F32 => Head::Double(f32::from_be_bytes(self.array_of()?).into()),
            Marker::F64 => Head::Double(f64::from_be_bytes(self.array_of()?)),
            Marker::FixStr(length) => Head::Text(length.into()),
            Marker::Str8 => Head::Text(self.length(1)?),
            Marker::Str16 => Head::Text(self.length(2)?),
            Marker::Str32 => Head::Text(self.length(4)?),
            Marker::Bin8 => Head::Octets(self.length(1)?),
            Marker::Bin16 => Head::Octets(self.length(2)?),
            Marker::Bin32 => Head::Octets(self.length(4)?),
            Marker::FixArray(items) => Head::Array(items.into()),
            Marker::Array16 => Head::Array(self.length(2)?),
            Marker::Array32 => Head::Array(self.length(4)?),
            Marker::FixMap(entries) => Head::Map(entries.into()),
            Marker::Map16 => Head::Map(self.length(2)?),
            Marker::Map32 => Head::Map(self.length(4)?),
            Marker::FixExt1 => Head::Extension(2),
            Marker::FixExt2 => Head::Extension(3),
            Marker::FixExt4 => Head::Extension(5),
            Marker::FixExt8 => Head::Extension(9),
            Marker::FixExt16 => Head::Extension(17),
            Marker::Ext8 => Head::Extension(self.length(1)? + 1),
            Marker::Ext16 => Head::Extension(self.length(2)? + 1),
            Marker::Ext32 => Head::Extension(self.length(4)? + 1),
            Marker::Reserved => return Err(self.wrong("an octet is no MessagePack")),
        })
    }

    #[cold]
    fn unexpected(&self, expected: &str, found: Head) -> MsgpackError {
        let found = match found {
            Head::Nil => "nil",
            Head::Bool(_) => "a boolean",
            Head::Integer(_) => "an integer",
            Head::Double(_) => "a double",
            Head::Text(_) => "text",
            Head::Octets(_) => "octets",
            Head::Array(_) => "an array",
            Head::Map(_) => "a map",
            Head::Extension(_) => "an extension",
        };
        self.wrong(format!("expected {expected}, found {found}"))
    }

    /// Takes nil, if it is next.
    pub fn take_nil(&mut self) -> bool {
        match self.rest {
            [0xc0, rest @ ..] => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    pub(super) fn boolean(&mut self) -> Result<bool, MsgpackError> {
        match self.head()? {
            Head::Bool(value) => Ok(value),
            found => Err(self.unexpected("a boolean", found)),
        }
    }

    /// An integer of any width; some writers make doubles of all numbers.
    #[inline]
    pub(super) fn integer(&mut self) -> Result<i128, MsgpackError> {
        // Most are small: counts, ports, shares of a processor.
        let (value, rest) = match self.rest {
            [value @ 0..=0x7f, rest @ ..] | [0xcc, value, rest @ ..] => ((*value).into(), rest),
            [0xcd, high, low, rest @ ..] => (u16::from_be_bytes([*high, *low]), rest),
            _ => return self.any_integer(),
        };
        self.rest = rest;
        Ok(value.into())
    }

    fn any_integer(&mut self) -> Result<i128, MsgpackError> {
        match self.head()? {
            Head::Integer(value) => Ok(value),
            Head::Double(value) if value.fract() == 0.0 => Ok(value as i128),
            found => Err(self.unexpected("an integer", found)),
        }
    }

    /// A double; some writers make integers of whole ones.
    pub fn double(&mut self) -> Result<f64, MsgpackError> {
        if let [0xcb, rest @ ..] = self.rest {
            self.rest = rest;
            return Ok(f64::from_be_bytes(self.array_of()?));
        }
        match self.head()? {
            Head::Double(value) => Ok(value),
            Head::Integer(value) => Ok(value as f64),
            found => Err(self.unexpected("a double", found)),
        }
    }

    /// The octets of text, not checked to be UTF-8.
    #[inline]
    pub fn text_octets(&mut self) -> Result<&'a [u8], MsgpackError> {
        // Nearly all text is short, above all keys.
        if let [head @ 0xa0..=0xbf, rest @ ..] = self.rest {
            self.rest = rest;
            return self.take(usize::from(head & 0x1f));
        }
        match self.head()? {
            Head::Text(length) => self.take(length),
            found => Err(self.unexpected("text", found)),
        }
    }

    /// Text.
    pub fn text(&mut self) -> Result<&'a str, MsgpackError> {
        let octets = self.text_octets()?;
        std::str::from_utf8(octets).map_err(|_| self.wrong("text is not UTF-8"))
    }

    /// Octets; some writers know only text.
    pub(super) fn octets(&mut self) -> Result<&'a [u8], MsgpackError> {
        match self.head()? {
            Head::Octets(length) | Head::Text(length) => self.take(length),
            found => Err(self.unexpected("octets", found)),
        }
    }

    /// How many items of an array follow.
    pub(super) fn array(&mut self) -> Result<usize, MsgpackError> {
        if let [head @ 0x90..=0x9f, rest @ ..] = self.rest {
            self.rest = rest;
            return Ok(usize::from(head & 0x0f));
        }
        match self.head()? {
            Head::Array(items) => Ok(items),
            found => Err(self.unexpected("an array", found)),
        }
    }

    /// How many entries of a map follow. Ends with [`leave`](Self::leave).
    #[inline]
    pub fn enter_map(&mut self) -> Result<usize, MsgpackError> {
        self.enter()?;
        if let [head @ 0x80..=0x8f, rest @ ..] = self.rest {
            self.rest = rest;
            return Ok(usize::from(head & 0x0f));
        }
        match self.head()? {
            Head::Map(entries) => Ok(entries),
            found => Err(self.unexpected("a map", found)),
        }
    }

    pub(super) fn enter(&mut self) -> Result<(), MsgpackError> {
        self.depth += 1;
        match self.depth > MAX_DEPTH {
            true => Err(self.wrong("it is nested too deeply")),
            false => Ok(()),
        }
    }

    /// Ends a map.
    pub fn leave(&mut self) {
        self.depth -= 1;
    }

    /// Passes over any value.
    pub fn skip(&mut self) -> Result<(), MsgpackError> {
        let head = self.head()?;
        self.skip_after(head)
    }

    pub(super) fn skip_after(&mut self, head: Head) -> Result<(), MsgpackError> {
        let values = match head {
            Head::Text(length) | Head::Octets(length) | Head::Extension(length) => {
                return self.take(length).map(drop);
            }
            Head::Array(items) => items,
            Head::Map(entries) => entries.saturating_mul(2),
            Head::Nil | Head::Bool(_) | Head::Integer(_) | Head::Double(_) => 0,
        };
        self.enter()?;
        for _ in 0..values {
            self.skip()?;
        }
        self.leave();
        Ok(())
    }
}
