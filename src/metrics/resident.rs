//! How much memory the process has.
//!
//! Invariant: what the system says, or nothing: a system that does not tell it this way is no error.

/// Memory of this process that is in use, in bytes.
#[must_use]
pub fn memory_bytes() -> Option<i64> {
    in_kilobytes(&std::fs::read_to_string("/proc/self/status").ok()?)?.checked_mul(1_024)
}

fn in_kilobytes(status: &str) -> Option<i64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_resident_memory_is_found_among_the_others() {
        assert_eq!(in_kilobytes("Name:\tx\nVmHWM:\t  99 kB\nVmRSS:\t  1234 kB\nRssAnon:\t 7 kB\n"), Some(1_234));
        assert_eq!((in_kilobytes(""), in_kilobytes("VmRSS: many")), (None, None));
    }
}
