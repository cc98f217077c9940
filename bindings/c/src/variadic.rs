//! The public names of the functions with a variable number of arguments. Each jumps to its body in C (`csrc/variadic.c`) with all
//! registers and the stack as they are.

use std::arch::naked_asm;

unsafe extern "C" {
    fn ottla_producev();
    fn ottla_error_new();
}

macro_rules! jump {
    ($to:path) => {{
        #[cfg(target_arch = "x86_64")]
        naked_asm!("jmp {to}", to = sym $to);
        #[cfg(target_arch = "aarch64")]
        naked_asm!("b {to}", to = sym $to);
    }};
}

/// `rd_kafka_producev`: one record from pairs of a tag and its values.
#[unsafe(naked)]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_producev() {
    jump!(ottla_producev)
}

/// `rd_kafka_error_new`: an error object whose text is formatted.
#[unsafe(naked)]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_error_new() {
    jump!(ottla_error_new)
}
