//! Round trips of everything golden are in `tests/golden.rs`; here is what is refused or forgiven.

use super::*;
