package schemas

// Company is the full profile of a company, as far as the contract names
// its members. Pointers and slices are nil where a member is null or missing: only
// id and name are always there. A record's value may hold more.
type Company struct {
	ID                   string            `json:"id"`                     // stable company identifier (a UUID): the record's key, and that of its career site
	Name                 string            `json:"name"`                   // name of the company
	LegalName            *string           `json:"legal_name"`             // name in the register
	Summary              *string           `json:"summary"`                // one paragraph of prose
	Description          *string           `json:"description"`            // longer prose
	Website              *string           `json:"website"`                // URL of the company's own site
	ListingURL           *string           `json:"listing_url"`            // URL where the jobs are listed
	LogoURL              *string           `json:"logo_url"`               // URL of a picture
	LinkedInURL          *string           `json:"linkedin_url"`           // URL of the company's page at LinkedIn
	LinkedInCompanyID    *string           `json:"linkedin_company_id"`    // LinkedIn's own identifier
	TwitterURL           *string           `json:"twitter_url"`            // URL of the company's page at Twitter
	FacebookURL          *string           `json:"facebook_url"`           // URL of the company's page at Facebook
	InstagramURL         *string           `json:"instagram_url"`          // URL of the company's page at Instagram
	AngelListURL         *string           `json:"angellist_url"`          // URL of the company's page at AngelList
	YouTubeURL           *string           `json:"youtube_url"`            // URL of the company's page at YouTube
	GitHubURL            *string           `json:"github_url"`             // URL of the company's page at GitHub
	G2URL                *string           `json:"g2_url"`                 // URL of the company's page at G2
	CrunchbaseURL        *string           `json:"crunchbase_url"`         // URL of the company's page at Crunchbase
	HeadquartersLocation *string           `json:"headquarters_location"`  // place of the headquarters
	HeadquartersRegion   *string           `json:"headquarters_region"`    // region of the headquarters
	HeadquartersRegions  []string          `json:"headquarters_regions"`   // all regions that the headquarters count to
	CountryCode          *string           `json:"country_code"`           // country of the headquarters, ISO 3166-1 alpha-2
	Continent            *string           `json:"continent"`              // continent of the headquarters
	PhoneNumber          *string           `json:"phone_number"`           // telephone number, as the source writes it
	EmailAddress         *string           `json:"email_address"`          // address for mail
	FoundingYear         *string           `json:"founding_year"`          // calendar year of the founding, as text
	CompanySize          *string           `json:"company_size"`           // band of employees ("11-50")
	Revenue              *string           `json:"revenue"`                // band of revenue, as the source writes it
	IsAgency             *bool             `json:"is_agency"`              // whether it is a staffing agency
	Industries           []string          `json:"industries"`             // tags ("fintech")
	PrimaryIndustry      *string           `json:"primary_industry"`       // the first of the industries
	Categories           []string          `json:"categories"`             // business model: "b2b", "b2c", "saas", "service-provider"
	NAICSCodes           []string          `json:"naics_codes"`            // codes of the North American Industry Classification System
	OperatingStatus      *string           `json:"operating_status"`       // whether it operates ("active")
	IPOStatus            *string           `json:"ipo_status"`             // whether it is listed ("private", "public")
	CompanyType          *string           `json:"company_type"`           // "for_profit" or "non_profit": an open set
	StockSymbol          *string           `json:"stock_symbol"`           // symbol at the exchange
	StockExchange        *string           `json:"stock_exchange"`         // the exchange
	IsAcquired           *bool             `json:"is_acquired"`            // whether another company has acquired it
	AcquiredByCompany    *string           `json:"acquired_by_company"`    // which one
	ParentCompanyURL     *string           `json:"parent_company_url"`     // URL of the parent company
	FundingStage         *string           `json:"funding_stage"`          // newest stage ("seed", "series_a")
	TotalFunding         *string           `json:"total_funding"`          // all funding, as the source writes it
	FundsTotalFormatted  *string           `json:"funds_total_formatted"`  // all funding for people ("$1.2B")
	Investors            []string          `json:"investors"`              // names of the investors
	FundingRounds        []FundingRound    `json:"funding_rounds"`         // rounds of funding
	Founders             []string          `json:"founders"`               // names of the founders
	Leadership           []Leader          `json:"leadership"`             // people who lead the company
	LeadershipHires      []LeadershipHire  `json:"leadership_hires"`       // hires into the leadership
	Layoffs              []Layoff          `json:"layoffs"`                // rounds of layoffs
	Ratings              []Rating          `json:"ratings"`                // how others rate the company
	PressReferences      []PressReference  `json:"press_references"`       // articles about the company
	H1BAnnualJobCounts   []H1BYear         `json:"h1b_annual_job_counts"`  // H-1B jobs by year
	H1BTitleDistribution []H1BTitle        `json:"h1b_title_distribution"` // H-1B jobs by title
	TechnologyList       []string          `json:"technology_list"`        // names of technologies in use
	TechStack            []TechStackItem   `json:"tech_stack"`             // technologies in use, with their kinds
	Products             []Product         `json:"products"`               // products of the company
	SoftwareUsed         []Software        `json:"software_used"`          // software in use
	ResearchFocusAreas   []string          `json:"research_focus_areas"`   // what is researched
	Acquisitions         []Acquisition     `json:"acquisitions"`           // companies that this one acquired
	Exits                []Exit            `json:"exits"`                  // companies that this one left as an investor
	SubsidiaryList       []string          `json:"subsidiary_list"`        // names of subsidiaries
	SubOrganizations     []SubOrganization `json:"sub_organizations"`      // organizations that belong to the company
	FeaturedLists        []FeaturedList    `json:"featured_lists"`         // lists that the company is on
	EventAppearances     []EventAppearance `json:"event_appearances"`      // events at which the company appeared
	InvestorTypes        []string          `json:"investor_types"`         // what kind of investor it is itself ("venture_capital")
	PageRank             *float64          `json:"page_rank"`              // importance of its site, on the source's own scale
}

// FundingRound is one round of funding.
type FundingRound struct {
	InvestmentType     *string `json:"investment_type"`      // kind of round ("seed", "series_a")
	AnnouncedOn        *string `json:"announced_on"`         // day of the announcement, as the source writes it
	RaisedAmount       *string `json:"raised_amount"`        // amount with its currency, as the source writes it
	PostMoneyValuation *string `json:"post_money_valuation"` // valuation after the round, as the source writes it
	InvestorCount      *int64  `json:"investor_count"`       // how many investors took part
	LeadInvestor       *string `json:"lead_investor"`        // who led the round
}

// Leader is one person who leads the company.
type Leader struct {
	Name        *string `json:"name"`         // name of the person
	Title       *string `json:"title"`        // position in the company
	LinkedInURL *string `json:"linkedin_url"` // URL of the person's page at LinkedIn
	AvatarURL   *string `json:"avatar_url"`   // URL of a picture
}

// LeadershipHire is one hire into the leadership.
type LeadershipHire struct {
	Date *string `json:"date"` // day of the hire, as the source writes it
}

// Layoff is one round of layoffs.
type Layoff struct {
	Date *string `json:"date"` // day of the layoff, as the source writes it
}

// Rating is what one source thinks of the company.
type Rating struct {
	Source      *string  `json:"source"`       // who rates ("glassdoor")
	Rating      *float64 `json:"rating"`       // the rating, on the source's own scale
	URL         *string  `json:"url"`          // URL of the rating
	ReviewCount *int64   `json:"review_count"` // how many reviews it is made of
}

// PressReference is one article about the company.
type PressReference struct {
	URL       *string `json:"url"`       // URL of the article
	PostedOn  *string `json:"posted_on"` // day of the article, as the source writes it
	Title     *string `json:"title"`     // its title
	Publisher *string `json:"publisher"` // who published it
}

// H1BYear is H-1B jobs of one year.
type H1BYear struct {
	Year  *int64 `json:"year"`  // calendar year
	Count *int64 `json:"count"` // jobs in it
}

// H1BTitle is H-1B jobs of one title.
type H1BTitle struct {
	Title *string `json:"title"` // job title
	Count *int64  `json:"count"` // jobs with it
}

// TechStackItem is one technology in use.
type TechStackItem struct {
	Name       *string  `json:"name"`       // name of the technology
	Categories []string `json:"categories"` // what kind of technology it is
}

// Product is one product of the company.
type Product struct {
	Name        *string `json:"name"`        // name of the product
	Description *string `json:"description"` // what it is
}

// Software is one software in use.
type Software struct {
	Name        *string `json:"name"`        // name of the software
	Description *string `json:"description"` // what it is
}

// Acquisition is one company that this one acquired.
type Acquisition struct {
	AcquireeName *string `json:"acquiree_name"` // name of the acquired company
	Title        *string `json:"title"`         // the acquisition in a line
}

// Exit is one company that this one left as an investor.
type Exit struct {
	Name        *string `json:"name"`        // name of the company
	Description *string `json:"description"` // what it is
}

// SubOrganization is one organization that belongs to the company.
type SubOrganization struct {
	Name          *string `json:"name"`           // name of the organization
	OwnershipType *string `json:"ownership_type"` // how it is owned ("subsidiary", "division")
	Title         *string `json:"title"`          // the relation in a line
}

// FeaturedList is one list that the company is on.
type FeaturedList struct {
	Title                 *string `json:"title"`                   // title of the list
	OrgNum                *int64  `json:"org_num"`                 // how many organizations it has
	FundingTotalFormatted *string `json:"funding_total_formatted"` // their funding for people ("$1.2B")
	FundingTotalUSD       *int64  `json:"funding_total_usd"`       // their funding in US dollars
}

// EventAppearance is one event at which the company appeared.
type EventAppearance struct {
	AppearanceType *string `json:"appearance_type"` // in which role ("sponsor", "speaker")
	Event          *string `json:"event"`           // name of the event
	EventStartsOn  *string `json:"event_starts_on"` // first day of the event, as the source writes it
	Image          *string `json:"image"`           // URL of a picture
}
