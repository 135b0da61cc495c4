package schemas

// CareerSite is one row of the feed, as far as its contract names the members.
// A record's value may hold more: decode into a map, or keep the bytes, where
// members that are added later matter. Pointers are nil where the feed sent null.
type CareerSite struct {
	// ID is the stable company identifier (a UUID): the record's key.
	ID   string `json:"id"`
	Name string `json:"name"`
	// Website is the company's own site, LogoURL a picture.
	Website *string `json:"website"`
	LogoURL *string `json:"logo_url"`
	// Summary is one paragraph of prose.
	Summary *string `json:"summary"`
	// Industries has one to three tags ("fintech"), Categories the business
	// model ("b2b", "saas", "service-provider").
	Industries    []string `json:"industries"`
	Categories    []string `json:"categories"`
	LinkedInURL   *string  `json:"linkedin_url"`
	CrunchbaseURL *string  `json:"crunchbase_url"`
	// ATS names the provider of the career site ("greenhouse", "lever"): an
	// open set. ListingURL is where the jobs are listed.
	ATS        string `json:"ats"`
	ListingURL string `json:"listing_url"`
	// DiscoveredAt (UTC, RFC 3339) never changes; UpdatedAt moves with every
	// change of the profile.
	DiscoveredAt *string `json:"discovered_at"`
	UpdatedAt    string  `json:"updated_at"`
	// DetailsURL is the public URL of the full profile.
	DetailsURL *string `json:"details_url"`
}
