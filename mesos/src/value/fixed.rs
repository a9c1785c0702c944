//! Fixed-point numbers with three decimals: how scalar resources are counted (row OP-17).
//!
//! Sums of `0.1` must come out exact, else resources would leak or appear. Mesos rounds every
//! scalar to thousandths before it adds, subtracts or compares.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};

/// A number of thousandths. Arithmetic saturates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Fixed(i64);

impl Fixed {
    /// Zero.
    pub const ZERO: Fixed = Fixed(0);
    /// The largest number; stands for infinity.
    pub const MAX: Fixed = Fixed(i64::MAX);

    /// The number that is this many thousandths.
    pub const fn from_thousandths(thousandths: i64) -> Self {
        Self(thousandths)
    }

    /// The number as thousandths.
    pub const fn thousandths(self) -> i64 {
        self.0
    }

    /// The nearest number with three decimals; zero for what is no number.
    pub fn from_f64(value: f64) -> Self {
        // `as` saturates, and takes NaN to zero.
        Self((value * 1000.0).round() as i64)
    }

    /// The number as JSON carries it.
    pub fn to_f64(self) -> f64 {
        // Dividing the parts keeps thousandths exact where the whole exceeds a double's integers.
        (self.0 / 1000) as f64 + (self.0 % 1000) as f64 / 1000.0
    }

    /// Whether it is zero.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

impl Add for Fixed {
    type Output = Fixed;

    fn add(self, other: Fixed) -> Fixed {
        Fixed(self.0.saturating_add(other.0))
    }
}

impl Sub for Fixed {
    type Output = Fixed;

    fn sub(self, other: Fixed) -> Fixed {
        Fixed(self.0.saturating_sub(other.0))
    }
}

impl Neg for Fixed {
    type Output = Fixed;

    fn neg(self) -> Fixed {
        Fixed(self.0.saturating_neg())
    }
}

impl AddAssign for Fixed {
    fn add_assign(&mut self, other: Fixed) {
        *self = *self + other;
    }
}

impl SubAssign for Fixed {
    fn sub_assign(&mut self, other: Fixed) {
        *self = *self - other;
    }
}

impl Sum for Fixed {
    fn sum<I: Iterator<Item = Fixed>>(numbers: I) -> Fixed {
        numbers.fold(Fixed::ZERO, Add::add)
    }
}

impl fmt::Display for Fixed {
    /// Without trailing zeros: `0.5`, `4096`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0.unsigned_abs() / 1000, self.0.unsigned_abs() % 1000);
        if self.0 < 0 {
            f.write_str("-")?;
        }
        match rest {
            0 => write!(f, "{whole}"),
            rest if rest % 100 == 0 => write!(f, "{whole}.{}", rest / 100),
            rest if rest % 10 == 0 => write!(f, "{whole}.{:02}", rest / 10),
            rest => write!(f, "{whole}.{rest:03}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Scalar;

    #[test]
    fn tenths_add_up() {
        let sum: Fixed = std::iter::repeat_n(Fixed::from_f64(0.1), 10).sum();
        assert_eq!(sum, Fixed::from_f64(1.0));
        assert_eq!((Fixed::from_f64(0.3) - Fixed::from_f64(0.2)).to_f64(), 0.1);
    }

    #[test]
    fn numbers_print_without_trailing_zeros() {
        for (number, text) in
            [(0.0, "0"), (1.5, "1.5"), (47.68, "47.68"), (0.001, "0.001"), (-0.25, "-0.25")]
        {
            assert_eq!(Fixed::from_f64(number).to_string(), text);
        }
        assert_eq!(Fixed::from_f64(1.0004).to_string(), "1");
        assert_eq!(Fixed::from_f64(f64::INFINITY), Fixed::MAX);
    }

    #[test]
    fn infinity_survives_json_and_messagepack() {
        let limit = Scalar { value: f64::INFINITY };
        let text = crate::json::to_string(&limit);
        assert_eq!(text, r#"{"value":"Infinity"}"#);
        assert_eq!(crate::json::from_slice::<Scalar>(text.as_bytes(), "Scalar").unwrap(), limit);
        let octets = crate::msgpack::to_vec(&limit);
        assert_eq!(crate::msgpack::from_slice::<Scalar>(&octets).unwrap(), limit);
    }
}
