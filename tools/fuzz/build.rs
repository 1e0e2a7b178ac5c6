//! The counter of work is C: Rust code would be counted itself.

/// What the compiler calls at comparisons, for libFuzzer to note their operands.
const COMPARISONS: [&str; 9] =
    ["cmp1", "cmp2", "cmp4", "cmp8", "const_cmp1", "const_cmp2", "const_cmp4", "const_cmp8", "switch"];

fn main() {
    println!("cargo::rerun-if-changed=src/work.c");
    cc::Build::new().file("src/work.c").compile("work");
    // A whole gateway compares so much that noting it takes more than a third of the time; the words of SIP come from the
    // dictionary, and the scripts are well-formed by themselves.
    for name in COMPARISONS {
        println!("cargo::rustc-link-arg-bin=sip_transaction=-Wl,--wrap=__sanitizer_cov_trace_{name}");
    }
}
