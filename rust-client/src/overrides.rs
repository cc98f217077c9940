//! Properties of one producer or consumer, beside those of its client.

use ottla_core::config::Config;
use ottla_core::error::Error;

/// A client's configuration with changes of its own, and what was wrong with the first wrong one.
pub(crate) struct Overrides {
    config: Config,
    error: Option<Error>,
}

impl Overrides {
    pub(crate) fn of(config: &Config) -> Self {
        Self { config: config.clone(), error: None }
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        if let Err(error) = self.config.set(name, value) {
            self.error.get_or_insert(error);
        }
    }

    pub(crate) fn finish(self) -> Result<Config, Error> {
        self.error.map_or(Ok(self.config), Err)
    }
}
