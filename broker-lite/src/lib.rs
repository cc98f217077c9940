//! broker-lite: a lightweight Apache Kafka broker for development and tests.
