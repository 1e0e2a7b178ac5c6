//! The counter of work is C: Rust code would be counted itself.

fn main() {
    println!("cargo::rerun-if-changed=src/work.c");
    cc::Build::new().file("src/work.c").compile("work");
}
