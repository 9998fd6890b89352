#!/bin/sh
# For a schedule that was made by claudetools 0.1.0: it starts this file. It goes with the version after this one.
exec sh "${0%/*}/../../scripts/claudetools.sh" schedule "$@"
