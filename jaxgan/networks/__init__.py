"""Networks: generators and discriminators, one file a paper."""
