//! The house rules of `docs/architecture.md`, as tests: a rule that nothing checks is a wish.
//!
//! - `limits`: lengths of files, functions and lines
//! - `imports`: which crate may name which, and what the pure crates may never name
//! - `documents`: claims, links and commands in the documents are true
//! - `words`: what may not stand in the sources

mod documents;
mod imports;
mod limits;
mod sources;
mod words;
