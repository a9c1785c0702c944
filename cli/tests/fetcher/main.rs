//! Fetching for real: the fetcher of an agent, its processes, and servers that are not always
//! friendly.

mod archives;
mod bench;
mod cache;
mod files;
mod net;
mod proxies;
mod server;
mod survivors;
