package simulator

import (
	"encoding/binary"
	"fmt"
	"time"
)

// profile is the full company, with the fields of the contract in its order.
// Every field but id and name may be missing.
type profile struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	LegalName   string `json:"legal_name,omitzero"`
	Summary     string `json:"summary,omitzero"`
	Description string `json:"description,omitzero"`
	Website     string `json:"website,omitzero"`
	ListingURL  string `json:"listing_url,omitzero"`
	LogoURL     string `json:"logo_url,omitzero"`

	profileSocials
	profileLocation
	profileFacts
	profileFunding
	profilePeople
	profileProducts
	profileRelations

	PageRank float64 `json:"page_rank,omitzero"`
	// ProfileVersion is not in the contract: fields may appear at any time.
	ProfileVersion int `json:"profile_version"`
}

type profileSocials struct {
	LinkedInURL       string  `json:"linkedin_url,omitzero"`
	LinkedInCompanyID string  `json:"linkedin_company_id,omitzero"`
	TwitterURL        *string `json:"twitter_url"` // null rather than missing
	FacebookURL       *string `json:"facebook_url"`
	InstagramURL      string  `json:"instagram_url,omitzero"`
	AngelListURL      string  `json:"angellist_url,omitzero"`
	YouTubeURL        string  `json:"youtube_url,omitzero"`
	GitHubURL         string  `json:"github_url,omitzero"`
	G2URL             string  `json:"g2_url,omitzero"`
	CrunchbaseURL     string  `json:"crunchbase_url,omitzero"`
}

type profileLocation struct {
	HeadquartersLocation string   `json:"headquarters_location,omitzero"`
	HeadquartersRegion   string   `json:"headquarters_region,omitzero"`
	HeadquartersRegions  []string `json:"headquarters_regions,omitzero"`
	CountryCode          string   `json:"country_code,omitzero"`
	Continent            string   `json:"continent,omitzero"`
	PhoneNumber          string   `json:"phone_number,omitzero"`
	EmailAddress         string   `json:"email_address,omitzero"`
}

type profileFacts struct {
	FoundingYear     string   `json:"founding_year,omitzero"`
	CompanySize      string   `json:"company_size,omitzero"`
	Revenue          string   `json:"revenue,omitzero"`
	IsAgency         bool     `json:"is_agency"`
	Industries       []string `json:"industries"`
	PrimaryIndustry  string   `json:"primary_industry"`
	Categories       []string `json:"categories"`
	NAICSCodes       []string `json:"naics_codes,omitzero"`
	OperatingStatus  string   `json:"operating_status,omitzero"`
	IPOStatus        string   `json:"ipo_status,omitzero"`
	CompanyType      string   `json:"company_type,omitzero"`
	StockSymbol      *string  `json:"stock_symbol"`
	StockExchange    *string  `json:"stock_exchange"`
	IsAcquired       bool     `json:"is_acquired"`
	AcquiredBy       *string  `json:"acquired_by_company"`
	ParentCompanyURL *string  `json:"parent_company_url"`
}

type profileFunding struct {
	FundingStage        string         `json:"funding_stage,omitzero"`
	TotalFunding        string         `json:"total_funding,omitzero"`
	FundsTotalFormatted string         `json:"funds_total_formatted,omitzero"`
	Investors           []string       `json:"investors,omitzero"`
	FundingRounds       []fundingRound `json:"funding_rounds,omitzero"`
}

type fundingRound struct {
	InvestmentType     string  `json:"investment_type"`
	AnnouncedOn        string  `json:"announced_on"`
	RaisedAmount       string  `json:"raised_amount"`
	PostMoneyValuation *string `json:"post_money_valuation"`
	InvestorCount      int     `json:"investor_count"`
	LeadInvestor       string  `json:"lead_investor"`
}

type profilePeople struct {
	Founders         []string     `json:"founders,omitzero"`
	Leadership       []leader     `json:"leadership,omitzero"`
	LeadershipHires  []dated      `json:"leadership_hires,omitzero"`
	Layoffs          []dated      `json:"layoffs"`
	Ratings          []rating     `json:"ratings,omitzero"`
	PressReferences  []press      `json:"press_references,omitzero"`
	H1BAnnualCounts  []yearCount  `json:"h1b_annual_job_counts,omitzero"`
	H1BDistributions []titleCount `json:"h1b_title_distribution,omitzero"`
}

type (
	leader struct {
		Name        string  `json:"name"`
		Title       string  `json:"title"`
		LinkedInURL string  `json:"linkedin_url"`
		AvatarURL   *string `json:"avatar_url"`
	}
	dated struct {
		Date string `json:"date"`
	}
	rating struct {
		Source      string  `json:"source"`
		Rating      float64 `json:"rating"`
		URL         string  `json:"url"`
		ReviewCount int     `json:"review_count"`
	}
	press struct {
		URL       string `json:"url"`
		PostedOn  string `json:"posted_on"`
		Title     string `json:"title"`
		Publisher string `json:"publisher"`
	}
	yearCount struct {
		Year  int `json:"year"`
		Count int `json:"count"`
	}
	titleCount struct {
		Title string `json:"title"`
		Count int    `json:"count"`
	}
	named struct {
		Name        string `json:"name"`
		Description string `json:"description"`
	}
	tool struct {
		Name       string   `json:"name"`
		Categories []string `json:"categories"`
	}
	acquisition struct {
		AcquireeName string `json:"acquiree_name"`
		Title        string `json:"title"`
	}
	subsidiary struct {
		Name          string `json:"name"`
		OwnershipType string `json:"ownership_type"`
		Title         string `json:"title"`
	}
	featured struct {
		Title                 string `json:"title"`
		OrgNum                int    `json:"org_num"`
		FundingTotalFormatted string `json:"funding_total_formatted"`
		FundingTotalUSD       int64  `json:"funding_total_usd"`
	}
	appearance struct {
		AppearanceType string  `json:"appearance_type"`
		Event          string  `json:"event"`
		EventStartsOn  string  `json:"event_starts_on"`
		Image          *string `json:"image"`
	}
)

type profileProducts struct {
	TechnologyList     []string `json:"technology_list,omitzero"`
	TechStack          []tool   `json:"tech_stack,omitzero"`
	Products           []named  `json:"products,omitzero"`
	SoftwareUsed       []named  `json:"software_used,omitzero"`
	ResearchFocusAreas []string `json:"research_focus_areas,omitzero"`
}

type profileRelations struct {
	Acquisitions     []acquisition `json:"acquisitions,omitzero"`
	Exits            []named       `json:"exits,omitzero"`
	SubsidiaryList   []string      `json:"subsidiary_list,omitzero"`
	SubOrganizations []subsidiary  `json:"sub_organizations,omitzero"`
	FeaturedLists    []featured    `json:"featured_lists,omitzero"`
	EventAppearances []appearance  `json:"event_appearances,omitzero"`
	InvestorTypes    []string      `json:"investor_types,omitzero"`
}

// newProfile makes the profile of a version. What filters look at is what the
// company's filters matched.
func newProfile(v *vocabulary, c *company, version uint32) profile {
	r := seeded(binary.BigEndian.Uint64(c.id[:8]), uint64(version), 0x9f0f11e)
	at := &v.countries[c.country]
	name := c.name(v)
	p := profile{
		ID: c.id.String(), Name: name, LegalName: name,
		Summary:     name + " " + pick(&r, v.openings) + ".",
		Description: name + " " + pick(&r, v.openings) + ". " + pick(&r, v.middles) + "\n\n" + pick(&r, v.middles) + " " + pick(&r, v.closings),
		Website:     "https://www." + c.hostname(v) + "/",
		ListingURL:  v.ats[c.ats].prefix + c.slug() + v.ats[c.ats].suffix,
		LogoURL:     "https://logo.jobo.invalid/" + c.slug() + "/256.png?v=2",
		PageRank:    float64(r.below(10_000)) / 1000,
	}
	p.ProfileVersion = int(version)
	p.profileSocials = socials(&r, c)
	p.profileLocation = profileLocation{
		HeadquartersLocation: at.city + ", " + at.name, HeadquartersRegion: at.region,
		HeadquartersRegions: []string{at.region, at.continent}, CountryCode: at.code, Continent: at.continent,
		PhoneNumber: at.phone + fmt.Sprintf("%04d", r.below(10_000)), EmailAddress: "jobs@" + c.hostname(v),
	}
	p.profileFacts = facts(&r, v, c)
	p.profileFunding = funding(&r, v, c)
	p.profilePeople = people(&r, v, c)
	p.profileProducts = products(&r, v)
	p.profileRelations = relations(&r, v)
	return p
}

func socials(r *random, c *company) profileSocials {
	s := profileSocials{
		LinkedInURL:       "https://www.linkedin.com/company/" + c.slug(),
		LinkedInCompanyID: fmt.Sprint(1_000_000 + r.below(90_000_000)),
		CrunchbaseURL:     "https://www.crunchbase.com/organization/" + c.slug(),
	}
	if r.chance(60) {
		twitter := "https://x.com/" + c.slug()
		s.TwitterURL = &twitter
		s.InstagramURL = "https://www.instagram.com/" + c.slug()
		s.YouTubeURL = "https://www.youtube.com/@" + c.slug()
	}
	if r.chance(40) {
		s.AngelListURL = "https://wellfound.com/company/" + c.slug()
		s.GitHubURL = "https://github.com/" + c.slug()
		s.G2URL = "https://www.g2.com/products/" + c.slug()
	}
	return s
}

func facts(r *random, v *vocabulary, c *company) profileFacts {
	f := profileFacts{
		CompanySize: v.sizes[c.size], CompanyType: v.types[c.kind], IsAgency: c.agency,
		Revenue:    pick(r, []string{"Less than $1M", "$1M to $10M", "$10M to $50M", "$50M to $100M"}),
		Industries: []string{}, Categories: []string{pick(r, v.categories)},
		NAICSCodes:      []string{fmt.Sprint(511_000 + r.below(900)), fmt.Sprint(541_000 + r.below(900))},
		OperatingStatus: "active", IPOStatus: "private",
	}
	if c.founded != 0 {
		f.FoundingYear = fmt.Sprint(c.founded)
	}
	for _, tag := range c.industries[:c.tags] {
		f.Industries = append(f.Industries, v.industries[tag])
	}
	f.PrimaryIndustry = f.Industries[0]
	if v.stages[c.stage] == "ipo" {
		symbol, exchange := fmt.Sprintf("CO%02X", c.id[0]), "NASDAQ"
		f.IPOStatus, f.StockSymbol, f.StockExchange = "public", &symbol, &exchange
	}
	return f
}

func funding(r *random, v *vocabulary, c *company) profileFunding {
	f := profileFunding{FundingStage: v.stages[c.stage]}
	if f.FundingStage == "" {
		return f
	}
	total := 0
	for i := range 1 + r.below(4) {
		amount := 1 + r.below(60)
		total += amount
		f.Investors = append(f.Investors, pick(r, v.people)+" Capital")
		f.FundingRounds = append(f.FundingRounds, fundingRound{
			InvestmentType: f.FundingStage, AnnouncedOn: day(r, 2016+2*i), RaisedAmount: fmt.Sprintf("$%dM", amount),
			InvestorCount: 1 + r.below(9), LeadInvestor: f.Investors[i],
		})
	}
	f.TotalFunding = fmt.Sprintf("%d000000", total)
	f.FundsTotalFormatted = fmt.Sprintf("$%dM", total)
	return f
}

func people(r *random, v *vocabulary, c *company) profilePeople {
	p := profilePeople{Founders: []string{pick(r, v.people)}, Layoffs: []dated{}}
	for _, title := range []string{"Chief Executive Officer", "Chief Technology Officer", "VP People", "Head of Ops"}[:1+r.below(4)] {
		p.Leadership = append(p.Leadership, leader{Name: pick(r, v.people), Title: title, LinkedInURL: "https://www.linkedin.com/in/" + c.slug()})
	}
	for i := range r.below(6) {
		p.PressReferences = append(p.PressReferences, press{
			URL: fmt.Sprintf("https://news.invalid/%s/%d", c.slug(), i), PostedOn: day(r, 2024),
			Title: pick(r, v.openings), Publisher: pick(r, []string{"Handelsblatt", "日経", "TechDaily", "Le Monde"}),
		})
	}
	if r.chance(50) {
		p.LeadershipHires = []dated{{day(r, 2025)}}
		p.Ratings = []rating{{"glassdoor", 3 + float64(r.below(20))/10, "https://reviews.invalid/" + c.slug(), 3 + r.below(900)}}
		p.H1BAnnualCounts = []yearCount{{2023, r.below(40)}, {2024, r.below(40)}, {2025, r.below(40)}}
		p.H1BDistributions = []titleCount{{"Software Engineer", r.below(30)}, {"Data Scientist", r.below(9)}}
	}
	return p
}

func products(r *random, v *vocabulary) profileProducts {
	p := profileProducts{ResearchFocusAreas: []string{pick(r, v.industries)}}
	for range 3 + r.below(12) {
		name := pick(r, v.tools)
		p.TechnologyList = append(p.TechnologyList, name)
		p.TechStack = append(p.TechStack, tool{name, []string{pick(r, v.categories), "engineering"}})
		p.SoftwareUsed = append(p.SoftwareUsed, named{name, pick(r, v.middles)})
	}
	for range r.below(8) {
		p.Products = append(p.Products, named{pick(r, v.industries) + " suite", pick(r, v.openings) + ". " + pick(r, v.middles)})
	}
	return p
}

func relations(r *random, v *vocabulary) profileRelations {
	if r.chance(60) {
		return profileRelations{}
	}
	return profileRelations{
		Acquisitions:     []acquisition{{pick(r, v.people) + " Studio", "acquired in " + day(r, 2022)}},
		Exits:            []named{{pick(r, v.tools), pick(r, v.middles)}},
		SubsidiaryList:   []string{pick(r, v.industries) + " holding"},
		SubOrganizations: []subsidiary{{pick(r, v.industries) + " lab", "subsidiary", "Research"}},
		FeaturedLists:    []featured{{"Companies to watch", 100 + r.below(900), "$2.1B", 2_100_000_000}},
		EventAppearances: []appearance{{AppearanceType: "sponsor", Event: "Web Summit", EventStartsOn: day(r, 2026)}},
		InvestorTypes:    []string{"venture_capital"},
	}
}

// day is a date in a year, as the profiles write dates.
func day(r *random, year int) string {
	return time.Date(year, 1, 1+r.below(365), 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
}
