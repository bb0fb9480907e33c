package config

// What people bring from other systems, and what it is called here.

// foreignKey is what to say of a key of another system; "": nothing.
func foreignKey(key string) string {
	switch key {
	case "maxSurge", "max_surge", "replicas", "previewReplicaCount":
		return "a proxy starts no instances: start them, name them as endpoints, then begin the rollout"
	case "maxUnavailable":
		return "here it is max_unavailable"
	case "setWeight", "traffic_percentage", "canary_percentage", "traffic":
		return "here it is weight, of a stage"
	case "steps", "stepWeights":
		return "here they are stages: [{weight: 20, duration: 10m}, …]"
	case "stepWeight", "maxWeight":
		return "here it is stages: {linear: 10, every: 1m}, or a list of stages"
	case "pause":
		return "here it is a stage's duration, or its approval: manual"
	case "success_criteria":
		return "here it is success"
	case "response_time", "request-duration", "latency_p99":
		return "here it is p99_latency"
	case "latency_p50":
		return "here it is p50_latency"
	case "request-success-rate":
		return "here it is success_rate"
	case "conditions", "rollback":
		return "here it is guard.breach"
	case "progressDeadlineSeconds":
		return "here it is max_wait"
	case "autoPromotionEnabled", "autoPromotionSeconds":
		return "here it is approval: {timeout: 30s, then: promote}, or manual"
	case "scaleDownDelaySeconds":
		return "here it is standby"
	case "activeService", "stableService", "primary":
		return "here it is stable, of the service"
	case "previewService":
		return "here it is preview, or a listener with preview"
	case "canaryService", "candidate":
		return "here it is canary"
	case "expected_json":
		return "here it is expected_response"
	case "webhooks":
		return "here they are hooks"
	case "proxy_connect_timeout":
		return "here it is timeouts.connect"
	case "proxy_read_timeout":
		return "here it is timeouts.response"
	case "proxy_next_upstream":
		return "here it is retries.on"
	case "percentage":
		return "here it is percent"
	}
	return ""
}

// foreignPoint is our name of a point at which another system calls its hooks; "": not known.
func foreignPoint(point string) string {
	switch point {
	case "confirm-rollout": // Flagger
		return "confirm_rollout"
	case "pre-rollout", "BeforeInstall", "AfterInstall": // Flagger, CodeDeploy
		return "before_rollout"
	case "rollout":
		return "during_stage"
	case "confirm-traffic-increase":
		return "confirm_stage"
	case "confirm-promotion", "BeforeAllowTraffic":
		return "confirm_promotion"
	case "post-rollout", "AfterAllowTraffic":
		return "after_rollout"
	case "BeforeAllowTestTraffic":
		return "before_test_traffic"
	case "AfterAllowTestTraffic":
		return "after_test_traffic"
	}
	return ""
}
