//! Files in `/proc` and `/sys` that would differ between hosts or from one moment to the next. A
//! run gets fixed ones.

/// The files below `/proc` with their contents: an idle machine with one processor and 4 GiB of
/// memory.
pub const PROC: [(&str, &str); 9] = [
    ("cpuinfo", "processor\t: 0\nmodel name\t: unknown\ncpu MHz\t\t: 1000.000\n\n"),
    ("diskstats", ""),
    ("interrupts", "           CPU0\n"),
    ("loadavg", "0.00 0.00 0.00 1/1 1\n"),
    ("meminfo", MEMORY),
    ("stat", STATISTICS),
    ("sys/kernel/random/boot_id", "00000000-0000-4000-8000-000000000000\n"),
    ("uptime", "1000.00 1000.00\n"),
    ("vmstat", "nr_free_pages 1048576\n"),
];

const MEMORY: &str = "MemTotal:        4194304 kB\nMemFree:         4194304 kB\n\
                      MemAvailable:    4194304 kB\nBuffers:               0 kB\n\
                      Cached:                0 kB\nSwapCached:            0 kB\n\
                      SwapTotal:             0 kB\nSwapFree:              0 kB\n";

const STATISTICS: &str = "cpu  0 0 0 0 0 0 0 0 0 0\ncpu0 0 0 0 0 0 0 0 0 0 0\nintr 0\nctxt 0\nbtime 0\n\
                          processes 1\nprocs_running 1\nprocs_blocked 0\n\
                          softirq 0 0 0 0 0 0 0 0 0 0 0\n";

/// All files below `/sys`: a machine with one processor.
pub const SYS: [(&str, &str); 3] = [
    ("devices/system/cpu/online", "0\n"),
    ("devices/system/cpu/possible", "0\n"),
    ("devices/system/cpu/present", "0\n"),
];
