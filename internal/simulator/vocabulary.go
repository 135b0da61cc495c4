package simulator

// country is where a generated company sits, with the parts its name is made of.
type country struct {
	code, name, region, continent, city string
	tld, phone                          string
	first, second, legal                []string
}

// vocabulary holds the closed sets that rows and profiles draw from. It is built
// by a function, not kept in package variables, so that nothing can change it.
type vocabulary struct {
	countries  []country
	industries []string
	categories []string
	sizes      []string
	stages     []string
	types      []string
	ats        []atsProvider
	openings   []string
	middles    []string
	closings   []string
	people     []string
	tools      []string
}

// atsProvider is an applicant tracking system and where it lists a company's jobs:
// the address is prefix + slug + suffix.
type atsProvider struct{ name, prefix, suffix string }

func newVocabulary() *vocabulary {
	return &vocabulary{
		countries: countries(),
		industries: []string{
			"fintech", "biotech", "healthcare", "e-commerce", "cybersecurity", "logistics", "education",
			"energy", "automotive", "gaming", "real-estate", "insurance", "media", "robotics",
			"agritech", "aerospace", "travel", "staffing", "legal-tech", "semiconductors",
		},
		categories: []string{"b2b", "b2c", "saas", "service-provider", "marketplace", "hardware"},
		sizes:      []string{"1-10", "11-50", "51-200", "201-500", "501-1000", "1001-5000", "5001-10000", "10001+"},
		stages:     []string{"", "pre_seed", "seed", "series_a", "series_b", "series_c", "private_equity", "ipo"},
		types:      []string{"", "for_profit", "for_profit", "for_profit", "non_profit"},
		ats: []atsProvider{
			{"greenhouse", "https://boards.greenhouse.io/", ""},
			{"lever", "https://jobs.lever.co/", ""},
			{"workday", "https://", ".wd3.myworkdayjobs.com/en-US/careers"},
			{"ashby", "https://jobs.ashbyhq.com/", ""},
			{"smartrecruiters", "https://careers.smartrecruiters.com/", ""},
			{"personio", "https://", ".jobs.personio.de/"},
			{"teamtailor", "https://", ".teamtailor.com/jobs"},
			{"workable", "https://apply.workable.com/", "/"},
			{"recruitee", "https://", ".recruitee.com/"},
			{"icims", "https://careers-", ".icims.com/jobs/search?ss=1&hashed=-435622"},
		},
		openings: []string{
			"builds software that lets finance teams close their books in hours rather than weeks",
			"designs and makes sensors that watch over pipelines, bridges and railway lines day and night",
			"runs a marketplace on which independent clinics buy consumables at the prices of large hospitals",
			"develops therapies for rare metabolic disorders together with university hospitals in nine countries",
			"operates a parcel network for towns that the large carriers reach only twice a week",
			"gives schools one place for timetables, grades, messages to parents and lesson material",
			"trains and places engineers who maintain wind and solar parks on three continents",
			"helps retailers forecast demand for each shop, each shelf and each day of the year",
		},
		middles: []string{
			"Its platform is used by more than 4,000 customers, from family businesses to listed groups.",
			"The team grew out of a research project and still publishes much of its work under open licences.",
			"Customers praise the short implementation time: most of them go live within \"two sprints\".",
			"The company holds ISO 27001 and SOC 2 reports and stores all data in the customer's own region.",
			"Offices in five cities share one engineering handbook, written in the open and kept up to date.",
			"Revenue has doubled in each of the last three years while headcount grew by a third.",
		},
		closings: []string{
			"It hires mainly for engineering, field service and customer success.",
			"Most positions can be filled remotely within the same time zone, with a week on site each quarter.",
			"Current openings include roles in research, regulatory affairs and operations.",
			"New colleagues start with a month in the support team, whatever their role.",
		},
		people: []string{
			"Anna Lindqvist", "José Hernández", "Priya Raman", "田中 美咲", "Jürgen Weiß", "Fatima al-Zahra",
			"Chloé Dubois", "Łukasz Nowak", "Grace Okafor", "Oleksandr Kovalenko", "이서연", "Sean O'Neill",
		},
		tools: []string{
			"PostgreSQL", "Kubernetes", "React", "Salesforce", "Snowflake", "Terraform", "Go", "TypeScript",
			"SAP S/4HANA", "Datadog", "Figma", "HubSpot", "Apache Kafka", "Redis", "Elixir", "C++",
		},
	}
}

func countries() []country {
	west := []string{"Northwind", "Bluestone", "Harbor", "Summit", "Copper", "Lantern", "Juniper", "Meridian", "Quarry", "Foxglove"}
	trade := []string{"Analytics", "Robotics", "Health", "Logistics", "Systems", "Energy", "Labs", "Payments", "Studios", "Works"}
	return []country{
		{"US", "United States", "California", "North America", "San Francisco", "com", "+1 415 555 ", west, trade, []string{"Inc.", "LLC", "Corp."}},
		{"GB", "United Kingdom", "England", "Europe", "Leeds", "co.uk", "+44 113 496 ", west, trade, []string{"Ltd", "PLC", "& Sons Ltd"}},
		{
			"DE", "Germany", "Bayern", "Europe", "München", "de", "+49 89 5550 ",
			[]string{"Müller", "Größmann", "Schäfer", "Weiß", "Vogel", "Jäger"},
			[]string{"Maschinenbau", "Energietechnik", "Prüfsysteme", "Logistik", "Gerätebau"},
			[]string{"GmbH", "AG", "& Söhne GmbH & Co. KG"},
		},
		{
			"JP", "Japan", "関東", "Asia", "東京", "co.jp", "+81 3 5550 ",
			[]string{"青空", "富士見", "さくら", "星野", "山手"},
			[]string{"テクノロジー", "ロボット", "医療", "物流", "エネルギー"},
			[]string{"株式会社", "合同会社"},
		},
		{
			"AE", "United Arab Emirates", "دبي", "Asia", "دبي", "ae", "+971 4 555 ",
			[]string{"النور", "الخليج", "الواحة", "الصقر"},
			[]string{"للتقنية", "للطاقة", "للخدمات الطبية", "للنقل"},
			[]string{"ش.م.م", "القابضة"},
		},
		{
			"FR", "France", "Île-de-France", "Europe", "Paris", "fr", "+33 1 99 00 ",
			[]string{"Société d'Étude", "Atelier", "Café", "Énergie", "Côte"},
			[]string{"Numérique", "Médical", "Électrique", "Générale", "Alpine"},
			[]string{"SAS", "SARL", "SA"},
		},
		{
			"PL", "Poland", "Mazowieckie", "Europe", "Łódź", "pl", "+48 42 555 ",
			[]string{"Żubr", "Wisła", "Bałtyk", "Śnieżka"},
			[]string{"Systemy", "Łączność", "Usługi", "Technologie"},
			[]string{"sp. z o.o.", "S.A."},
		},
		{
			"BR", "Brazil", "São Paulo", "South America", "São Paulo", "com.br", "+55 11 5550 ",
			[]string{"Ipê", "Jacarandá", "Maré", "Sertão"},
			[]string{"Soluções", "Logística", "Educação", "Saúde"},
			[]string{"Ltda.", "S/A"},
		},
		{
			"IN", "India", "कर्नाटक", "Asia", "बेंगलुरु", "in", "+91 80 5550 ",
			[]string{"नवीन", "Prakash", "Sagara", "आकाश"},
			[]string{"टेक", "Softworks", "Biosciences", "Motors"},
			[]string{"Pvt. Ltd.", "LLP"},
		},
		{
			"KR", "South Korea", "서울", "Asia", "서울", "kr", "+82 2 5550 ",
			[]string{"한빛", "새벽", "미래", "바다"},
			[]string{"로보틱스", "게임즈", "바이오", "반도체"},
			[]string{"주식회사"},
		},
	}
}
