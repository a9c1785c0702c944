//! Counters of the network stack, by protocol.
// The names are those of the kernel's SNMP tables, and Mesos's JSON keys.
#![allow(non_snake_case)]

use crate::message;

message! {
    /// Counters of IP, as in `/proc/net/snmp`.
    pub struct IpStatistics("IpStatistics") {
        Forwarding: Option<i64>,
        DefaultTTL: Option<i64>,
        InReceives: Option<i64>,
        InHdrErrors: Option<i64>,
        InAddrErrors: Option<i64>,
        ForwDatagrams: Option<i64>,
        InUnknownProtos: Option<i64>,
        InDiscards: Option<i64>,
        InDelivers: Option<i64>,
        OutRequests: Option<i64>,
        OutDiscards: Option<i64>,
        OutNoRoutes: Option<i64>,
        ReasmTimeout: Option<i64>,
        ReasmReqds: Option<i64>,
        ReasmOKs: Option<i64>,
        ReasmFails: Option<i64>,
        FragOKs: Option<i64>,
        FragFails: Option<i64>,
        FragCreates: Option<i64>,
    }

    /// Counters of ICMP, as in `/proc/net/snmp`.
    pub struct IcmpStatistics("IcmpStatistics") {
        InMsgs: Option<i64>,
        InErrors: Option<i64>,
        InCsumErrors: Option<i64>,
        InDestUnreachs: Option<i64>,
        InTimeExcds: Option<i64>,
        InParmProbs: Option<i64>,
        InSrcQuenchs: Option<i64>,
        InRedirects: Option<i64>,
        InEchos: Option<i64>,
        InEchoReps: Option<i64>,
        InTimestamps: Option<i64>,
        InTimestampReps: Option<i64>,
        InAddrMasks: Option<i64>,
        InAddrMaskReps: Option<i64>,
        OutMsgs: Option<i64>,
        OutErrors: Option<i64>,
        OutDestUnreachs: Option<i64>,
        OutTimeExcds: Option<i64>,
        OutParmProbs: Option<i64>,
        OutSrcQuenchs: Option<i64>,
        OutRedirects: Option<i64>,
        OutEchos: Option<i64>,
        OutEchoReps: Option<i64>,
        OutTimestamps: Option<i64>,
        OutTimestampReps: Option<i64>,
        OutAddrMasks: Option<i64>,
        OutAddrMaskReps: Option<i64>,
    }

    /// Counters of TCP, as in `/proc/net/snmp`.
    pub struct TcpStatistics("TcpStatistics") {
        RtoAlgorithm: Option<i64>,
        RtoMin: Option<i64>,
        RtoMax: Option<i64>,
        MaxConn: Option<i64>,
        ActiveOpens: Option<i64>,
        PassiveOpens: Option<i64>,
        AttemptFails: Option<i64>,
        EstabResets: Option<i64>,
        CurrEstab: Option<i64>,
        InSegs: Option<i64>,
        OutSegs: Option<i64>,
        RetransSegs: Option<i64>,
        InErrs: Option<i64>,
        OutRsts: Option<i64>,
        InCsumErrors: Option<i64>,
    }

    /// Counters of UDP, as in `/proc/net/snmp`.
    pub struct UdpStatistics("UdpStatistics") {
        InDatagrams: Option<i64>,
        NoPorts: Option<i64>,
        InErrors: Option<i64>,
        OutDatagrams: Option<i64>,
        RcvbufErrors: Option<i64>,
        SndbufErrors: Option<i64>,
        InCsumErrors: Option<i64>,
        IgnoredMulti: Option<i64>,
    }

    /// What `/proc/net/snmp` of a container's network says.
    pub struct SnmpStatistics("SNMPStatistics") {
        ip_stats: Option<IpStatistics>,
        icmp_stats: Option<IcmpStatistics>,
        tcp_stats: Option<TcpStatistics>,
        udp_stats: Option<UdpStatistics>,
    }
}
