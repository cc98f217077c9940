//! The name that programs link to, and what only C can define: functions with a variable number of arguments.

fn main() {
    println!("cargo:rerun-if-changed=csrc");
    println!("cargo:rerun-if-changed=header");
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,librdkafka.so.1");
        // Its threads run, and the end of the process calls it, whether or not who loaded it has closed it.
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
    cc::Build::new()
        .file("csrc/variadic.c")
        .include("header")
        .flag_if_supported("-std=c99")
        .flag_if_supported("-fvisibility=hidden")
        .warnings(true)
        .extra_warnings(true)
        .warnings_into_errors(true)
        .compile("ottla_variadic");
}
