/* The header under the name that most programs include it by. */
#include "../rdkafka.h"
