//! Generates the bindings from the distribution's DPDK headers and compiles the shim for their inline
//! functions.

use std::path::PathBuf;
use std::process::exit;
use std::{env, panic};

/// The oldest DPDK whose types the shim and `src/io/dpdk` fit.
const OLDEST: &str = "22.11";

/// Without these, DPDK's headers don't compile: every x86-64 that it supports has SSE4.2.
const X86_BASELINE: &str = "-march=x86-64-v2";

fn main() {
    for input in ["build.rs", "shim.h", "shim.c"] {
        println!("cargo::rerun-if-changed={input}");
    }
    let dpdk = pkg_config::Config::new()
        .atleast_version(OLDEST)
        .cargo_metadata(false)
        .probe("libdpdk")
        .unwrap_or_else(|error| {
            let missing =
                if matches!(error, pkg_config::Error::Command { .. }) { "pkg-config" } else { "libdpdk-dev" };
            refuse(missing, &error.to_string())
        });

    let mut flags = vec!["-include".to_owned(), "rte_config.h".to_owned()];
    if env::var("CARGO_CFG_TARGET_ARCH").as_deref() == Ok("x86_64") {
        flags.push(X86_BASELINE.to_owned());
    }

    bind(&dpdk.include_paths, &flags);
    compile(&dpdk.include_paths, &flags);

    for path in &dpdk.link_paths {
        println!("cargo::rustc-link-search=native={}", path.display());
    }
    for library in ["rte_ethdev", "rte_mbuf", "rte_mempool", "rte_ring", "rte_eal"] {
        println!("cargo::rustc-link-lib=dylib={library}");
    }
}

fn bind(includes: &[PathBuf], flags: &[String]) {
    let builder = bindgen::Builder::default()
        .header("shim.h")
        .clang_args(includes.iter().map(|path| format!("-I{}", path.display())))
        .clang_args(flags)
        .allowlist_function(
            "rte_eal_(init|get_runtime_dir)|rte_thread_(un)?register|rte_openlog_stream|rte_strerror",
        )
        .allowlist_function("rte_(eth|mempool|pktmbuf)_.*|shim_.*")
        .allowlist_type("rte_(mbuf|mempool|eth_conf|eth_dev_info|eth_stats|eth_link|ether_addr)")
        .allowlist_var("RTE_(ETH|MBUF|PKTMBUF|MAX|MEMPOOL)_.*|shim_.*")
        // Packed structs with aligned members, which Rust has not.
        .opaque_type("rte_arp_.*|rte_l2tpv2.*|rte_gtp_psc.*")
        .default_enum_style(bindgen::EnumVariation::Consts)
        .derive_debug(false)
        .generate_comments(false)
        .layout_tests(false)
        .use_core();
    // bindgen panics, rather than errs, when it finds no libclang.
    let generated = panic::catch_unwind(panic::AssertUnwindSafe(|| builder.generate()))
        .unwrap_or_else(|_| refuse("libclang-dev", "libclang could not be loaded"))
        .unwrap_or_else(|error| refuse("libclang-dev (or libdpdk-dev's headers)", &error.to_string()));
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("bindings.rs");
    if let Err(error) = generated.write_to_file(&out) {
        refuse("room on the disk", &format!("{}: {error}", out.display()));
    }
}

fn compile(includes: &[PathBuf], flags: &[String]) {
    let mut shim = cc::Build::new();
    shim.file("shim.c").includes(includes).opt_level(3).warnings(false);
    for flag in flags {
        shim.flag(flag);
    }
    if let Err(error) = shim.try_compile("dpdk_shim") {
        refuse("a C compiler (gcc) and libdpdk-dev", &error.to_string());
    }
}

/// Ends the build with what is missing and what to do about it.
fn refuse(missing: &str, why: &str) -> ! {
    eprintln!(
        "{why}\n\n\
         error: the `dpdk` feature needs {missing}.\n\
         remedy: apt-get install pkg-config gcc libclang-dev libdpdk-dev   (DPDK {OLDEST} or newer),\n\
         or build without ports: cargo build --no-default-features"
    );
    exit(1)
}
