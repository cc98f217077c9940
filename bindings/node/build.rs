//! What a Node-API addon is linked with.

fn main() {
    napi_build::setup();
}
