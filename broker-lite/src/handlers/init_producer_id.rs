//! InitProducerId, versions 0 to 5: idempotent producers. Transactional ones have no coordinator yet.

use ottla_protocol::ErrorCode;
use ottla_protocol::messages::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};

use crate::dispatch::RequestContext;

pub(crate) fn handle(context: &RequestContext<'_>, request: InitProducerIdRequest) -> InitProducerIdResponse {
    let refuse = |error: ErrorCode| InitProducerIdResponse { error_code: error.code(), producer_epoch: -1, ..Default::default() };
    if let Some(error) = context.verdict.error() {
        return refuse(error);
    }
    if (request.producer_id < 0) != (request.producer_epoch < 0) {
        return refuse(ErrorCode::InvalidRequest);
    }
    match &request.transactional_id {
        Some(id) if id.is_empty() => refuse(ErrorCode::InvalidRequest),
        Some(_) => refuse(ErrorCode::CoordinatorNotAvailable),
        // As Kafka does, also for a producer that names the id and epoch it had (KIP-360): without a transactional id there is
        // nobody to fence, and the producer bumps its epoch by itself.
        None => InitProducerIdResponse { producer_id: context.cluster.new_producer_id(), ..Default::default() },
    }
}
