//! Executors and the commands that start them.

use crate::bytes::Bytes;
use crate::container::ContainerInfo;
use crate::discovery::{DiscoveryInfo, Labels};
use crate::ids::{ExecutorId, FrameworkId};
use crate::resource::Resource;
use crate::resources::Resources;
use crate::time::DurationInfo;
use crate::{message, wire_enum};

message! {
    /// A command: `value` for the shell, or `value` with `arguments` if `shell` is false.
    pub struct CommandInfo("CommandInfo") {
        uris: Vec<Uri>,
        environment: Option<Environment>,
        shell: bool = true,
        value: Option<String>,
        arguments: Vec<String>,
        user: Option<String>,
    }

    /// A file to fetch into the sandbox.
    pub struct Uri("URI") {
        value: String,
        executable: Option<bool>,
        extract: bool = true,
        cache: Option<bool>,
        output_file: Option<String>,
    }

    /// An executor, as its framework describes it.
    pub struct ExecutorInfo("ExecutorInfo") {
        r#type: Option<ExecutorInfoType>,
        executor_id: ExecutorId,
        framework_id: Option<FrameworkId>,
        command: Option<Box<CommandInfo>>,
        container: Option<Box<ContainerInfo>>,
        resources: Vec<Resource>,
        name: Option<String>,
        source: Option<String>,
        data: Option<Bytes>,
        discovery: Option<Box<DiscoveryInfo>>,
        shutdown_grace_period: Option<DurationInfo>,
        labels: Option<Box<Labels>>,
    }

    /// Environment variables.
    pub struct Environment("Environment") {
        variables: Vec<EnvironmentVariable>,
    }

    /// One variable, with a plain value or a secret one.
    pub struct EnvironmentVariable("Variable") {
        name: String,
        r#type: EnvironmentVariableType = EnvironmentVariableType::Value,
        value: Option<String>,
        secret: Option<Box<Secret>>,
    }

    /// A key with its value.
    pub struct Parameter("Parameter") {
        key: String,
        value: String,
    }

    /// Keys with their values.
    pub struct Parameters("Parameters") {
        parameter: Vec<Parameter>,
    }

    /// A principal and its secret.
    pub struct Credential("Credential") {
        principal: String,
        secret: Option<String>,
    }

    /// Principals and their secrets.
    pub struct Credentials("Credentials") {
        credentials: Vec<Credential>,
    }

    /// Something not to be seen: its value, or where it is kept.
    pub struct Secret("Secret") {
        r#type: Option<SecretType>,
        reference: Option<SecretReference>,
        value: Option<SecretValue>,
    }

    /// Where a secret is kept.
    pub struct SecretReference("Reference") {
        name: String,
        key: Option<String>,
    }

    /// A secret itself.
    pub struct SecretValue("Value") {
        data: Bytes,
    }
}

wire_enum! {
    /// Whose executor it is.
    pub enum ExecutorInfoType {
        Unknown = "UNKNOWN" (0),
        Default = "DEFAULT" (1),
        Custom = "CUSTOM" (2),
    }

    /// Whether a variable is plain or secret.
    pub enum EnvironmentVariableType {
        Unknown = "UNKNOWN" (0),
        Value = "VALUE" (1),
        Secret = "SECRET" (2),
    }

    /// What a [`Secret`] holds.
    pub enum SecretType {
        Unknown = "UNKNOWN" (0),
        Reference = "REFERENCE" (1),
        Value = "VALUE" (2),
    }
}

impl ExecutorInfo {
    /// What the executor itself uses.
    pub fn resources(&self) -> Resources {
        Resources::from(&self.resources)
    }

    /// Whether it is the executor that comes with the agent and runs task groups.
    pub fn is_default(&self) -> bool {
        self.r#type == Some(ExecutorInfoType::Default)
    }
}
