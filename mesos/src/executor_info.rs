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
    /// Mesos's `CommandInfo`.
    pub struct CommandInfo("CommandInfo") {
        uris: Vec<Uri>,
        environment: Option<Environment>,
        shell: bool = true,
        value: Option<String>,
        arguments: Vec<String>,
        user: Option<String>,
    }

    /// Mesos's `CommandInfo.URI`.
    pub struct Uri("URI") {
        value: String,
        executable: Option<bool>,
        extract: bool = true,
        cache: Option<bool>,
        output_file: Option<String>,
    }

    /// Mesos's `ExecutorInfo`.
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

    /// Mesos's `Environment`.
    pub struct Environment("Environment") {
        variables: Vec<EnvironmentVariable>,
    }

    /// Mesos's `Environment.Variable`.
    pub struct EnvironmentVariable("Variable") {
        name: String,
        r#type: EnvironmentVariableType = EnvironmentVariableType::Value,
        value: Option<String>,
        secret: Option<Box<Secret>>,
    }

    /// Mesos's `Parameter`.
    pub struct Parameter("Parameter") {
        key: String,
        value: String,
    }

    /// Mesos's `Parameters`.
    pub struct Parameters("Parameters") {
        parameter: Vec<Parameter>,
    }

    /// Mesos's `Credential`.
    pub struct Credential("Credential") {
        principal: String,
        secret: Option<String>,
    }

    /// Mesos's `Credentials`.
    pub struct Credentials("Credentials") {
        credentials: Vec<Credential>,
    }

    /// Mesos's `Secret`.
    pub struct Secret("Secret") {
        r#type: Option<SecretType>,
        reference: Option<SecretReference>,
        value: Option<SecretValue>,
    }

    /// Mesos's `Secret.Reference`.
    pub struct SecretReference("Reference") {
        name: String,
        key: Option<String>,
    }

    /// Mesos's `Secret.Value`.
    pub struct SecretValue("Value") {
        data: Bytes,
    }
}

wire_enum! {
    /// Mesos's `ExecutorInfo.Type`.
    pub enum ExecutorInfoType {
        Unknown = "UNKNOWN" (0),
        Default = "DEFAULT" (1),
        Custom = "CUSTOM" (2),
    }

    /// Mesos's `Environment.Variable.Type`.
    pub enum EnvironmentVariableType {
        Unknown = "UNKNOWN" (0),
        Value = "VALUE" (1),
        Secret = "SECRET" (2),
    }

    /// Mesos's `Secret.Type`.
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
