//! Questions to the leading master.

use std::time::Duration;

use libprocess::http::client::{Client, ClientConfig};
use mesos_framework::{DriverError, master_addresses};
use serde_json::Value;

use crate::error::{CliError, with_causes};

/// How many redirections are followed.
const REDIRECTIONS: usize = 5;

/// Asks the masters for `path` until one answers as the leader; gives its address and the JSON.
pub fn get(
    masters: &str,
    path: &'static str,
    timeout: Duration,
) -> Result<(String, Value), CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| CliError::System { what: "start a runtime", source })?;
    let mut answer = Err(CliError::Driver(DriverError::Master {
        text: masters.to_owned(),
        reason: "it is empty; give host:port",
    }));
    for master in master_addresses(masters)? {
        answer = runtime.block_on(ask(master, path, timeout));
        if answer.is_ok() {
            break;
        }
    }
    answer
}

async fn ask(
    mut authority: String,
    path: &'static str,
    timeout: Duration,
) -> Result<(String, Value), CliError> {
    let config =
        ClientConfig { connect_timeout: timeout, timeout: Some(timeout), ..Default::default() };
    let client = Client::with_config(config);
    let failed =
        |authority: &str, reason| CliError::Master { master: authority.to_owned(), path, reason };
    for _ in 0..REDIRECTIONS {
        let answer = client.get(&format!("http://{authority}{path}")).send().await;
        let answer = answer.map_err(|error| failed(&authority, with_causes(&error)))?;
        match answer.status.as_u16() {
            200 => {
                let value = answer.json().map_err(|error| failed(&authority, error.to_string()))?;
                return Ok((authority, value));
            }
            301 | 302 | 307 | 308 => {
                let location = answer.header("Location").unwrap_or_default();
                let rest = location.trim_start_matches("http:").trim_start_matches("//");
                authority = rest.split('/').next().unwrap_or_default().to_owned();
            }
            status => {
                let text = answer.text();
                return Err(failed(&authority, format!("{status} {}", text.trim())));
            }
        }
    }
    Err(failed(&authority, "too many redirections".to_owned()))
}
