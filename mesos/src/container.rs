//! Containers: how to make one, and what it is like.

use crate::discovery::Labels;
use crate::executor_info::{Credential, Parameter, Secret};
use crate::ids::ContainerId;
use crate::volume::Volume;
use crate::{message, wire_enum};

message! {
    /// An image of a root file system. `cached` is false to fetch it anew.
    pub struct Image("Image") {
        r#type: ImageType,
        appc: Option<AppcImage>,
        docker: Option<DockerImage>,
        cached: bool = true,
    }

    /// An appc image.
    pub struct AppcImage("Appc") {
        name: String,
        id: Option<String>,
        labels: Option<Box<Labels>>,
    }

    /// A Docker image: `name[:tag|@digest]`.
    pub struct DockerImage("Docker") {
        name: String,
        credential: Option<Credential>,
        config: Option<Box<Secret>>,
    }

    /// A network that a container joins, and its addresses there.
    pub struct NetworkInfo("NetworkInfo") {
        ip_addresses: Vec<IpAddress>,
        name: Option<String>,
        groups: Vec<String>,
        labels: Option<Box<Labels>>,
        port_mappings: Vec<PortMapping>,
    }

    /// An address; asked for, or given if it is in a status.
    pub struct IpAddress("IPAddress") {
        protocol: IpProtocol = IpProtocol::IPv4,
        ip_address: Option<String>,
    }

    /// A port of the host that leads to one of the container.
    pub struct PortMapping("PortMapping") {
        host_port: u32,
        container_port: u32,
        protocol: Option<String>,
    }

    /// A set of Linux capabilities.
    pub struct CapabilityInfo("CapabilityInfo") {
        capabilities: Vec<LinuxCapability>,
    }

    /// The seccomp profile of a container.
    pub struct SeccompInfo("SeccompInfo") {
        profile_name: Option<String>,
        unconfined: Option<bool>,
    }

    /// What is special to Linux. `shm_size` is in megabytes.
    pub struct LinuxInfo("LinuxInfo") {
        capability_info: Option<CapabilityInfo>,
        bounding_capabilities: Option<CapabilityInfo>,
        effective_capabilities: Option<CapabilityInfo>,
        share_pid_namespace: Option<bool>,
        seccomp: Option<SeccompInfo>,
        ipc_mode: Option<IpcMode>,
        shm_size: Option<u32>,
        // True unless it is set; who sets it matters to the rules, so that its default is not
        // written.
        share_cgroups: Option<bool>,
    }

    /// POSIX resource limits.
    pub struct RLimitInfo("RLimitInfo") {
        rlimits: Vec<RLimit>,
    }

    /// One POSIX resource limit; unlimited if neither bound is set. Units are those of
    /// `setrlimit(2)`.
    pub struct RLimit("RLimit") {
        r#type: Option<RLimitType>,
        hard: Option<u64>,
        soft: Option<u64>,
    }

    /// A terminal for the container.
    pub struct TtyInfo("TTYInfo") {
        window_size: Option<WindowSize>,
    }

    /// The size of a terminal, in characters.
    pub struct WindowSize("WindowSize") {
        rows: u32,
        columns: u32,
    }

    /// The container that a task or executor runs in.
    pub struct ContainerInfo("ContainerInfo") {
        r#type: ContainerInfoType,
        volumes: Vec<Volume>,
        hostname: Option<String>,
        docker: Option<Box<DockerInfo>>,
        mesos: Option<MesosInfo>,
        network_infos: Vec<NetworkInfo>,
        linux_info: Option<Box<LinuxInfo>>,
        rlimit_info: Option<RLimitInfo>,
        tty_info: Option<TtyInfo>,
    }

    /// A container of the Docker daemon.
    pub struct DockerInfo("DockerInfo") {
        image: String,
        network: DockerNetwork = DockerNetwork::Host,
        port_mappings: Vec<DockerPortMapping>,
        privileged: bool = false,
        parameters: Vec<Parameter>,
        force_pull_image: Option<bool>,
        volume_driver: Option<String>,
    }

    /// A port of the host that leads to one of the Docker container.
    pub struct DockerPortMapping("PortMapping") {
        host_port: u32,
        container_port: u32,
        protocol: Option<String>,
    }

    /// A container of our own containerizer.
    pub struct MesosInfo("MesosInfo") {
        image: Option<Box<Image>>,
    }

    /// What is known of a running container.
    pub struct ContainerStatus("ContainerStatus") {
        container_id: Option<ContainerId>,
        network_infos: Vec<NetworkInfo>,
        cgroup_info: Option<CgroupInfo>,
        executor_pid: Option<u32>,
    }

    /// The cgroups of a container.
    pub struct CgroupInfo("CgroupInfo") {
        net_cls: Option<NetCls>,
    }

    /// The network class of a container: `major:minor` in the halves of `classid`.
    pub struct NetCls("NetCls") {
        classid: Option<u32>,
    }

    /// A device of the host, by path or number.
    pub struct Device("Device") {
        path: Option<String>,
        number: Option<DeviceNumber>,
    }

    /// The number of a device.
    pub struct DeviceNumber("Number") {
        major_number: u64,
        minor_number: u64,
    }

    /// A device and what may be done with it.
    pub struct DeviceAccess("DeviceAccess") {
        device: Device,
        access: DeviceAccessAccess,
    }

    /// What may be done with a device.
    pub struct DeviceAccessAccess("Access") {
        read: Option<bool>,
        write: Option<bool>,
        mknod: Option<bool>,
    }

    /// The devices that containers may use.
    pub struct DeviceWhitelist("DeviceWhitelist") {
        allowed_devices: Vec<DeviceAccess>,
    }
}

wire_enum! {
    /// What an [`Image`] is.
    pub enum ImageType {
        Appc = "APPC" (1),
        Docker = "DOCKER" (2),
    }

    /// The version of the Internet Protocol.
    pub enum IpProtocol {
        IPv4 = "IPv4" (1),
        IPv6 = "IPv6" (2),
    }

    /// Linux capabilities, numbered from 1000 in the kernel's order.
    pub enum LinuxCapability {
        Unknown = "UNKNOWN" (0),
        Chown = "CHOWN" (1000),
        DacOverride = "DAC_OVERRIDE" (1001),
        DacReadSearch = "DAC_READ_SEARCH" (1002),
        Fowner = "FOWNER" (1003),
        Fsetid = "FSETID" (1004),
        Kill = "KILL" (1005),
        Setgid = "SETGID" (1006),
        Setuid = "SETUID" (1007),
        Setpcap = "SETPCAP" (1008),
        LinuxImmutable = "LINUX_IMMUTABLE" (1009),
        NetBindService = "NET_BIND_SERVICE" (1010),
        NetBroadcast = "NET_BROADCAST" (1011),
        NetAdmin = "NET_ADMIN" (1012),
        NetRaw = "NET_RAW" (1013),
        IpcLock = "IPC_LOCK" (1014),
        IpcOwner = "IPC_OWNER" (1015),
        SysModule = "SYS_MODULE" (1016),
        SysRawio = "SYS_RAWIO" (1017),
        SysChroot = "SYS_CHROOT" (1018),
        SysPtrace = "SYS_PTRACE" (1019),
        SysPacct = "SYS_PACCT" (1020),
        SysAdmin = "SYS_ADMIN" (1021),
        SysBoot = "SYS_BOOT" (1022),
        SysNice = "SYS_NICE" (1023),
        SysResource = "SYS_RESOURCE" (1024),
        SysTime = "SYS_TIME" (1025),
        SysTtyConfig = "SYS_TTY_CONFIG" (1026),
        Mknod = "MKNOD" (1027),
        Lease = "LEASE" (1028),
        AuditWrite = "AUDIT_WRITE" (1029),
        AuditControl = "AUDIT_CONTROL" (1030),
        Setfcap = "SETFCAP" (1031),
        MacOverride = "MAC_OVERRIDE" (1032),
        MacAdmin = "MAC_ADMIN" (1033),
        Syslog = "SYSLOG" (1034),
        WakeAlarm = "WAKE_ALARM" (1035),
        BlockSuspend = "BLOCK_SUSPEND" (1036),
        AuditRead = "AUDIT_READ" (1037),
        Perfmon = "PERFMON" (1038),
        Bpf = "BPF" (1039),
        CheckpointRestore = "CHECKPOINT_RESTORE" (1040),
    }

    /// Whose System V and POSIX IPC a container uses.
    pub enum IpcMode {
        Unknown = "UNKNOWN" (0),
        Private = "PRIVATE" (1),
        ShareParent = "SHARE_PARENT" (2),
    }

    /// The resources of `setrlimit(2)`.
    pub enum RLimitType {
        Unknown = "UNKNOWN" (0),
        As = "RLMT_AS" (1),
        Core = "RLMT_CORE" (2),
        Cpu = "RLMT_CPU" (3),
        Data = "RLMT_DATA" (4),
        Fsize = "RLMT_FSIZE" (5),
        Locks = "RLMT_LOCKS" (6),
        Memlock = "RLMT_MEMLOCK" (7),
        Msgqueue = "RLMT_MSGQUEUE" (8),
        Nice = "RLMT_NICE" (9),
        Nofile = "RLMT_NOFILE" (10),
        Nproc = "RLMT_NPROC" (11),
        Rss = "RLMT_RSS" (12),
        Rtprio = "RLMT_RTPRIO" (13),
        Rttime = "RLMT_RTTIME" (14),
        Sigpending = "RLMT_SIGPENDING" (15),
        Stack = "RLMT_STACK" (16),
    }

    /// Who runs a container.
    pub enum ContainerInfoType {
        Docker = "DOCKER" (1),
        Mesos = "MESOS" (2),
    }

    /// The network mode of a Docker container.
    pub enum DockerNetwork {
        Host = "HOST" (1),
        Bridge = "BRIDGE" (2),
        None = "NONE" (3),
        User = "USER" (4),
    }
}
