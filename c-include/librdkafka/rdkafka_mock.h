/* The mock cluster: broker-lite in this process. Its functions are declared with the others. */
#include "../rdkafka.h"
