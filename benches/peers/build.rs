//! Compiles what drives usrsctp (Debian's libusrsctp-dev), which is C as that is.

fn main() {
    println!("cargo::rerun-if-changed=src/sctp/usrsctp.c");
    cc::Build::new().file("src/sctp/usrsctp.c").opt_level(3).warnings(true).compile("peer_usrsctp");
    println!("cargo::rustc-link-lib=dylib=usrsctp");
}
