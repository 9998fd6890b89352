"""Python helpers of claudetools: what hurts in shell. The driver is scripts/sync.sh."""
