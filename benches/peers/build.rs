//! Compiles what drives usrsctp (Debian's libusrsctp-dev) and DPDK's hash table (libdpdk-dev), which is C as those are.

fn main() {
    println!("cargo::rerun-if-changed=src/sctp/usrsctp.c");
    cc::Build::new().file("src/sctp/usrsctp.c").opt_level(3).warnings(true).compile("peer_usrsctp");
    println!("cargo::rustc-link-lib=dylib=usrsctp");

    println!("cargo::rerun-if-changed=src/table/rte_hash.c");
    let dpdk = pkg_config::Config::new().cargo_metadata(false).probe("libdpdk").expect("libdpdk-dev");
    let mut driver = cc::Build::new();
    // DPDK's headers need SSE4.2, and say much that isn't about us.
    driver.file("src/table/rte_hash.c").includes(&dpdk.include_paths).opt_level(3).warnings(false);
    driver.flag("-include").flag("rte_config.h").flag_if_supported("-march=x86-64-v2");
    driver.compile("peer_rte_hash");
    for path in &dpdk.link_paths {
        println!("cargo::rustc-link-search=native={}", path.display());
    }
    for library in ["rte_hash", "rte_eal"] {
        println!("cargo::rustc-link-lib=dylib={library}");
    }
}
