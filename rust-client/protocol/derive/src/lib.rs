//! #[derive(Message)] for ottla-protocol.
use proc_macro::TokenStream;

/// Placeholder until the generator's author fills it in.
#[proc_macro_derive(Message, attributes(message, field))]
pub fn derive_message(_input: TokenStream) -> TokenStream {
    TokenStream::new()
}
